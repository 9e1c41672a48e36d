// Package describe says what the JSON of a message type looks like: the JSON that package transcode writes for it.
//
// A description is made from a descriptor. It is what a program needs that writes types for another language, an API
// description, or a form:
//
//	shapes := describe.New(describe.Options{EmitDefaults: true})
//	quote := shapes.Message(md)
//	for _, field := range quote.Object.Fields {
//		fmt.Println(field.Name, field.Shape.Kind, field.Required)
//	}
//
// Each message type and each enum is described once. A message that contains itself has a [Shape] that leads back to the same
// [Object]. So a program that walks through shapes visits each Object once, or writes a reference to its name.
//
// The description is exact. A document that transcode writes fits its description: it has every member that is required, and no
// member that is not listed. There are two exceptions, both of which a descriptor does not show. An [Object] that is Extensible
// may have members for extensions, whose names stand in brackets. What a google.protobuf.Any holds depends on its type.
//
// Names and documentation come from the descriptors, so they may be the text of a foreign server. They are valid UTF-8, may be
// long, and may have any character in them.
package describe
