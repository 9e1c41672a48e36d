import type { Reset, Message, Options } from "./subscription.ts";
import type { State, Status } from "./machine.ts";
import type { Query, Variables } from "./url.ts";
import { Subscription } from "./subscription.ts";
export type { Reset, Message, Options, State, Status, Query, Subscription, Variables };
/**
 * The routes of a bridge, by their paths. It is empty here: a declaration file adds the routes of one bridge, so that `subscribe`
 * knows the variables, the parameters and the data of each.
 *
 * ```ts
 * declare module "grpcsse" {
 *   interface Routes {
 *     "/quotes/{symbol}": {
 *       variables: {symbol: string};
 *       query: {venue?: string};
 *       events: {message: Quote};        // by the names of events; `message` has no name
 *     };
 *   }
 * }
 * ```
 */
export interface Routes {
}
/** What {@link Routes} says about a route. `variables` and `query` may be left out. */
export interface Route {
    variables?: Variables;
    query?: Query;
    events: object;
}
/** The events of a route, each with its name and the type of its data. */
export type EventsOf<P extends keyof Routes> = Routes[P] extends {
    events: infer Events;
} ? {
    [N in keyof Events & string]: Message<Events[N], N>;
}[keyof Events & string] : Message;
type VariablesOf<P extends keyof Routes> = Routes[P] extends {
    variables: infer V extends Variables;
} ? V : Record<never, never>;
type QueryOf<P extends keyof Routes> = Routes[P] extends {
    query: infer Q extends Query;
} ? Q : Record<string, never>;
type OptionsOf<P extends keyof Routes> = Record<never, never> extends QueryOf<P> ? [options?: Options<QueryOf<P>>] : [options: Options<QueryOf<P>> & {
    query: QueryOf<P>;
}];
type ArgumentsOf<P extends keyof Routes> = P extends `${string}{${string}` ? [variables: VariablesOf<P>, ...rest: OptionsOf<P>] : OptionsOf<P>;
/** Subscribes to a route that {@link Routes} has: `subscribe("/quotes/{symbol}", {symbol: "AAPL"})`. */
export declare function subscribe<P extends keyof Routes & string>(path: P, ...rest: ArgumentsOf<P>): Subscription<EventsOf<P>>;
/**
 * A path that {@link Routes} has, with a type of the data: what it returns is of no use, and says why.
 * @deprecated Leave out the type: the data of this path has one already.
 */
export declare function subscribe<T = never>(path: [T] extends [never] ? never : keyof Routes & string, first?: Variables | Options, second?: Options): "leave out the type of the data: Routes has it for this path";
/** Subscribes to a path with variables, whose data is a `T`. */
export declare function subscribe<T = unknown, P extends `${string}{${string}` = `${string}{${string}`>(path: P extends keyof Routes ? never : P, variables: Variables, options?: Options): Subscription<Message<T>>;
/** Subscribes to a URL, relative or absolute, whose data is a `T`: `subscribe<Quote>("/quotes/AAPL")`. */
export declare function subscribe<T = unknown, P extends string = string>(url: P extends keyof Routes | `${string}{${string}` ? never : P, options?: Options): Subscription<Message<T>>;
