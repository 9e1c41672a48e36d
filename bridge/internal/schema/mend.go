package schema

import (
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"
)

// mend repairs an answer in place: the files in it, or the names of services. The depth of the messages in the files must
// have been checked before.
func (c *boundedConn) mend(answer proto.Message) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if files := listIn(answer, "file_descriptor_response", "file_descriptor_proto"); files != nil {
		c.mendFiles(files)
	}
	if services := listIn(answer, "list_services_response", "service"); services != nil {
		c.mendServices(services)
	}
}

// mendFiles repairs files, and adds the imports that they lack. A file without flaws stays as it is, to the byte. What
// grows is counted.
func (c *boundedConn) mendFiles(list protoreflect.List) {
	files := make([]*descriptorpb.FileDescriptorProto, list.Len()) // nil is a file to leave alone
	repaired := make([]bool, list.Len())
	for i := range files {
		file := new(descriptorpb.FileDescriptorProto)
		if (proto.UnmarshalOptions{AllowPartial: true}).Unmarshal(list.Get(i).Bytes(), file) != nil {
			continue // whoever reads it will say so
		}
		if isMerged(file) {
			genuine, _ := linked{}.FindFileByPath(file.GetName()) // isMerged has seen it
			file = protodesc.ToFileDescriptorProto(genuine)
			repaired[i] = true
		}
		repaired[i] = repair(file) || repaired[i]
		if c.importer.add(file) {
			files[i] = file
		}
	}
	for i, file := range files {
		if file == nil {
			continue
		}
		missing := c.importer.missing(file)
		if len(missing) == 0 && !repaired[i] {
			continue
		}
		file.Dependency = append(file.Dependency, missing...)
		wire, err := proto.MarshalOptions{AllowPartial: true}.Marshal(file)
		if err != nil {
			continue
		}
		c.seen.bytes += max(0, len(wire)-len(list.Get(i).Bytes()))
		if c.seen.bytes > c.limits.bytes {
			return
		}
		list.Set(i, protoreflect.ValueOfBytes(wire))
	}
}

// mendServices removes the dot that Node.js servers write before a service without a package, and remembers it.
func (c *boundedConn) mendServices(list protoreflect.List) {
	for i := range list.Len() {
		service := list.Get(i).Message()
		field := service.Descriptor().Fields().ByName("name")
		if name, ok := strings.CutPrefix(service.Get(field).String(), "."); ok {
			service.Set(field, protoreflect.ValueOfString(name))
			c.dotted[name] = true
		}
	}
}

// mendQuestion asks for a service by the name that the server listed.
func (c *boundedConn) mendQuestion(question proto.Message) {
	c.mu.Lock()
	defer c.mu.Unlock()
	m := question.ProtoReflect()
	field := m.Descriptor().Fields().ByName("file_containing_symbol")
	if field == nil || !m.Has(field) {
		return
	}
	if name := m.Get(field).String(); c.dotted[name] {
		m.Set(field, protoreflect.ValueOfString("."+name))
	}
}

// listIn finds a list in a ServerReflectionResponse, of either version of it: the names are the same. It is nil where the
// answer is of another kind.
func listIn(answer proto.Message, kind, name protoreflect.Name) protoreflect.List {
	m := answer.ProtoReflect()
	field := m.Descriptor().Fields().ByName(kind)
	if field == nil || !m.Has(field) {
		return nil
	}
	inner := m.Mutable(field).Message()
	return inner.Mutable(inner.Descriptor().Fields().ByName(name)).List()
}
