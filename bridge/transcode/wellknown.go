package transcode

import (
	"fmt"

	"google.golang.org/protobuf/reflect/protoreflect"
)

// wellKnown completes the plan of a well-known type, which has its own JSON form. It reports whether the message is one.
// Well-known types are known by name. A message that has such a name but not the fields of the type is refused.
func (c *plans) wellKnown(p *plan) (bool, error) {
	name := p.desc.FullName()
	if name.Parent() != "google.protobuf" {
		return false, nil
	}
	var err error
	switch name.Name() {
	case "Timestamp":
		p.form, err = formTimestamp, hasFields(p.desc, protoreflect.Int64Kind, protoreflect.Int32Kind)
	case "Duration":
		p.form, err = formDuration, hasFields(p.desc, protoreflect.Int64Kind, protoreflect.Int32Kind)
	case "FieldMask":
		p.form, err = formFieldMask, hasFields(p.desc, protoreflect.StringKind)
	case "Any":
		p.form, err = formAny, hasFields(p.desc, protoreflect.StringKind, protoreflect.BytesKind)
	case "Struct", "ListValue":
		p.form = formStruct
		if name.Name() == "ListValue" {
			p.form = formListValue
		}
		if err = hasFields(p.desc, protoreflect.MessageKind); err == nil {
			p.entry, err = c.firstField(p.desc)
		}
	case "Value":
		p.form = formValue
		err = hasFields(p.desc, protoreflect.EnumKind, protoreflect.DoubleKind, protoreflect.StringKind, protoreflect.BoolKind,
			protoreflect.MessageKind, protoreflect.MessageKind)
		if err == nil {
			err = c.members(p)
		}
	case "BoolValue", "Int32Value", "Int64Value", "UInt32Value", "UInt64Value", "FloatValue", "DoubleValue", "StringValue", "BytesValue":
		p.form = formWrapper
		if p.entry, err = c.firstField(p.desc); err == nil && p.entry.shape > shapeText {
			err = hasFields(p.desc, protoreflect.BoolKind)
		}
	default:
		return false, nil
	}
	return true, err
}

// hasFields checks that a message has fields of these kinds, numbered from 1.
func hasFields(md protoreflect.MessageDescriptor, kinds ...protoreflect.Kind) error {
	for i, k := range kinds {
		fd := md.Fields().ByNumber(protoreflect.FieldNumber(i + 1))
		if fd == nil || fd.Kind() != k {
			return fmt.Errorf("message %s is not the well-known type of that name: expected field %d of kind %s", md.FullName(), i+1, k)
		}
	}
	return nil
}

func (c *plans) firstField(md protoreflect.MessageDescriptor) (*field, error) {
	fd := md.Fields().ByNumber(1)
	if fd == nil {
		return nil, hasFields(md, protoreflect.BoolKind)
	}
	fields, err := c.fields(fd)
	if err != nil {
		return nil, err
	}
	return fields[0], nil
}

// members gives a google.protobuf.Value its fields.
func (c *plans) members(p *plan) error {
	var all []*field
	for i := range p.desc.Fields().Len() {
		f, err := c.single(p.desc.Fields().Get(i))
		if err != nil {
			return err
		}
		all = append(all, f)
	}
	p.index(all)
	return nil
}
