// Shows the component of the recipe for the symbol that a test chooses.
import {createApp, h, ref} from "vue";
import Quote from "./Quote.vue";

const symbol = ref("");
Object.assign(window, {show: (s: string) => { symbol.value = s; }});
createApp(() => symbol.value && h(Quote, {symbol: symbol.value})).mount("main");
