declare module "*.vue" {
  import type {DefineComponent} from "vue";
  const component: DefineComponent<{symbol: string}>;
  export default component;
}
