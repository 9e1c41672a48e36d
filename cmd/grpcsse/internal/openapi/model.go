package openapi

// The types of this file are those parts of an OpenAPI document that a document of this package has. The order of the members is the
// order in which a person reads them.

type document struct {
	OpenAPI    string              `json:"openapi"`
	Generator  string              `json:"x-generator"`
	Info       info                `json:"info"`
	Servers    []server            `json:"servers,omitempty"`
	Tags       []tag               `json:"tags,omitempty"`
	Paths      map[string]pathItem `json:"paths"`
	Components components          `json:"components"`
	// Missing are the paths of routes that the document does not describe, because they are out of order.
	Missing []string `json:"x-grpcsse-missing,omitempty"`
}

type info struct {
	Title       string `json:"title"`
	Description string `json:"description,omitempty"`
	Version     string `json:"version"`
}

type server struct {
	URL string `json:"url"`
}

type tag struct {
	Name        string `json:"name"`
	Description string `json:"description,omitempty"`
}

// pathItem has the operations of a path by the HTTP method in lower case.
type pathItem map[string]*operation

type operation struct {
	OperationID string               `json:"operationId"`
	Tags        []string             `json:"tags,omitempty"`
	Summary     string               `json:"summary,omitempty"`
	Description string               `json:"description,omitempty"`
	Deprecated  bool                 `json:"deprecated,omitempty"`
	Security    []requirement        `json:"security,omitempty"`
	Parameters  []*parameter         `json:"parameters,omitempty"`
	RequestBody *requestBody         `json:"requestBody,omitempty"`
	Responses   map[string]*response `json:"responses"`
	// Template is the path of the route where the path of the document has not all of its meaning.
	Template string `json:"x-grpcsse-path,omitempty"`
}

// requirement names the security schemes that a request needs together.
type requirement map[string][]string

type parameter struct {
	Name        string  `json:"name"`
	In          string  `json:"in"`
	Description string  `json:"description,omitempty"`
	Required    bool    `json:"required,omitempty"`
	Deprecated  bool    `json:"deprecated,omitempty"`
	Schema      *schema `json:"schema"`
}

type requestBody struct {
	Description string  `json:"description,omitempty"`
	Content     content `json:"content"`
}

type response struct {
	Ref         string             `json:"$ref,omitempty"`
	Description string             `json:"description,omitempty"`
	Headers     map[string]*header `json:"headers,omitempty"`
	Content     content            `json:"content,omitempty"`
}

type header struct {
	Description string  `json:"description,omitempty"`
	Schema      *schema `json:"schema"`
}

// content has the media types of a body, in an order of its own: some generators look at the first one alone.
type content []typedContent

type typedContent struct {
	name string
	mediaType
}

// MarshalJSON implements [json.Marshaler].
func (c content) MarshalJSON() ([]byte, error) {
	return marshalObject(len(c), func(i int) (string, any) { return c[i].name, c[i].mediaType })
}

// inJSON returns the content of a body that is JSON.
func inJSON(s *schema) content { return content{{"application/json", mediaType{Schema: s}}} }

type mediaType struct {
	Schema     *schema `json:"schema,omitempty"`
	ItemSchema *schema `json:"itemSchema,omitempty"` // of OpenAPI 3.2
}

type components struct {
	Schemas         map[string]*schema         `json:"schemas,omitempty"`
	Responses       map[string]*response       `json:"responses,omitempty"`
	SecuritySchemes map[string]*securityScheme `json:"securitySchemes,omitempty"`
}

type securityScheme struct {
	Type         string `json:"type"`
	Description  string `json:"description,omitempty"`
	Name         string `json:"name,omitempty"`
	In           string `json:"in,omitempty"`
	Scheme       string `json:"scheme,omitempty"`
	BearerFormat string `json:"bearerFormat,omitempty"`
}
