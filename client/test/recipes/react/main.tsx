// Shows the component of the recipe for the symbol that a test chooses, in StrictMode.
import {StrictMode, useEffect, useState} from "react";
import {createRoot} from "react-dom/client";
import {Quote} from "./Quote";

const mounts: string[] = [];

function App() {
  const [symbol, show] = useState("");
  useEffect(() => {
    mounts.push("mount");
  }, []);
  Object.assign(window, {show, mounts});
  return symbol && <Quote symbol={symbol}/>;
}

createRoot(document.querySelector("main")!).render(<StrictMode><App/></StrictMode>);
