/** Values for the variables of a path template. */
export type Variables = Record<string, string | number | boolean | bigint>;

/** Values for parameters of a query. A list stands for a parameter that is given several times; undefined is left out. */
export type Query = Record<string, string | number | boolean | bigint | readonly (string | number | boolean | bigint)[] | undefined>;

/**
 * Writes variables into the path template of a route, as `/quotes/{symbol}` or `/v1/{name=shelves/*}`. A value is one segment of
 * the path; where the template gives a pattern for the variable, the slashes of the value part segments.
 */
export function fill(template: string, variables: Variables): string {
  return template.replace(/\{([^}=]+)(=[^}]*)?\}/g, (_, name: string, pattern?: string) => {
    if (variables[name] === undefined) throw new TypeError(`${template}: no ${name}`);
    const value = String(variables[name]);
    return pattern ? value.split("/").map(encodeURIComponent).join("/") : encodeURIComponent(value);
  });
}

/** Adds parameters to a URL, which may be relative. A fragment is left out: no server gets it. */
export function extend(url: string, query: Query): string {
  const bare = url.replace(/#.*/, "");
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    for (const one of [value].flat()) if (one !== undefined) parameters.append(name, one as string);
  }
  const added = String(parameters);
  return bare + (added && (bare.includes("?") ? "&" : "?") + added);
}
