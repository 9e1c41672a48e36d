import type { Source, Tell } from "./source.ts";
/**
 * A source that has one connection together with the same source in other tabs of the origin.
 *
 * Each tab asks for one Web Lock, and the tab that has it leads: it has the connection, and tells the others what comes. The lock goes
 * to the next tab when the leader closes, crashes or leaves, and that tab connects behind the last event that it had itself.
 *
 * Nothing is lost or comes twice because a tab follows a leader only from an event on that both have had: the ids say so. Until
 * then it has a connection of its own, as a tab without this source would. So a new tab gets what every newcomer gets, and then
 * follows as soon as the two streams meet. When another leader begins, most tabs have had the same event as it, and simply go on.
 */
export declare function tabs(name: string, own: (tell: Tell) => Source, tell: Tell): Source;
