// What a generator writes for the routes of one bridge.
export {};

interface Quote { symbol: string; price: number; sequence: string }

declare module "grpcsse" {
  interface Routes {
    "/quotes/{symbol}": {variables: {symbol: string}; query: {venue?: string; depth?: number}; events: {message: Quote}};
    "/jobs/{id}": {variables: {id: string}; query: {token: string}; events: {progress: {percent: number}; done: {result: string}}};
    "/ticks": {events: {message: {n: string}}};
    "/sides": {events: {BUY: {buy: string}; [name: `${number}`]: {n: string}}};
    "/topics": {events: {[name: string]: {n: string}}};
  }
}
