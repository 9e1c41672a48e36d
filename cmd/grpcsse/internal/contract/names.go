package contract

import (
	"slices"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/grpcsse/grpcsse/bridge/config"
	"github.com/grpcsse/grpcsse/bridge/sse"
	"github.com/grpcsse/grpcsse/bridge/transcode"
)

// Names say which names the events of a route can have. The names of the bridge's own events are not among them.
type Names struct {
	// Known are the names that the schema or the configuration shows, in their order there.
	Known []Name
	// Unnamed says that there may be events without a name, which a browser delivers as "message".
	Unnamed bool
	// Numbers says that decimal numbers are names, too.
	Numbers bool
	// Any says that any text may be a name.
	Any bool
}

// Name is the name of events.
type Name struct {
	Text string
	// Members are members of a oneof of the data. One of them is set in each event of this name. There are none where the name
	// comes from something else.
	Members []protoreflect.FieldDescriptor
}

// add adds a name as it is sent: see [sse.SafeName].
func (n *Names) add(text string, members ...protoreflect.FieldDescriptor) {
	name, _ := sse.SafeName(text)
	if name.IsZero() {
		return
	}
	at := slices.IndexFunc(n.Known, func(known Name) bool { return known.Text == name.String() })
	if at < 0 {
		n.Known, at = append(n.Known, Name{Text: name.String()}), len(n.Known)
	}
	n.Known[at].Members = append(n.Known[at].Members, members...)
}

// namesOf returns the names of events for messages of a type.
func namesOf(event config.EventMapping, md protoreflect.MessageDescriptor) (n Names) {
	if event.Name == "" {
		n.add(event.NameConst)
		n.Unnamed = len(n.Known) == 0
		return n
	}
	n.Unnamed = true // of a message that has no value there
	path, err := transcode.CompilePath(md, event.Name)
	if err != nil {
		n.Any = true // not reached: such a route is out of order
		return n
	}
	switch {
	case path.Kind() == transcode.PathOneof:
		for _, member := range path.Members() {
			n.add(member, membersOf(md, event, protoreflect.Name(member))...)
		}
	case path.Kind() == transcode.PathMessage:
		n.addText(path.Descriptor().Message())
	default:
		fd := path.Descriptor()
		n.addScalar(fd, fd.HasPresence())
		n.Unnamed = fd.Cardinality() != protoreflect.Required || strings.Contains(event.Name, ".")
	}
	return n
}

// membersOf returns the member of a oneof at the top of the data, or nothing where the oneof stands elsewhere.
func membersOf(md protoreflect.MessageDescriptor, event config.EventMapping, name protoreflect.Name) []protoreflect.FieldDescriptor {
	fd := md.Fields().ByName(name)
	if fd == nil || fd.ContainingOneof() == nil || string(fd.ContainingOneof().Name()) != event.Name || event.Data != "" {
		return nil
	}
	return []protoreflect.FieldDescriptor{fd}
}

// addText adds the names that a well-known type gives.
func (n *Names) addText(md protoreflect.MessageDescriptor) {
	value := md.Fields().ByName("value")
	if value == nil || md.Fields().Len() != 1 {
		n.Any = true // a time or a duration
		return
	}
	n.addScalar(value, true)
}

// addScalar adds the names that a field gives. zero says that a field with its zero value gives a name, too.
func (n *Names) addScalar(fd protoreflect.FieldDescriptor, zero bool) {
	switch fd.Kind() {
	case protoreflect.EnumKind:
		n.addEnum(fd.Enum(), zero)
	case protoreflect.BoolKind:
		if zero {
			n.add("false")
		}
		n.add("true")
	case protoreflect.FloatKind, protoreflect.DoubleKind:
		n.add("NaN")
		n.add("+Inf")
		n.add("-Inf")
		n.Numbers = true
	case protoreflect.StringKind, protoreflect.BytesKind:
		n.Any = true
	default:
		n.Numbers = true
	}
}

// addEnum adds the names of the values of an enum. A value without a name gives its number.
func (n *Names) addEnum(ed protoreflect.EnumDescriptor, zero bool) {
	for i := range ed.Values().Len() {
		v := ed.Values().Get(i)
		alias := ed.Values().ByNumber(v.Number()).Index() != i
		if !alias && (zero || v.Number() != 0) {
			n.add(string(v.Name()))
		}
	}
	n.Numbers = true
}
