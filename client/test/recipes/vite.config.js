import vue from "@vitejs/plugin-vue";

// React and Vue are built for development: only then does StrictMode mount twice.
export default {
  base: "./",
  plugins: [vue()],
  build: {minify: false, rolldownOptions: {input: ["react.html", "vue.html"]}},
};
