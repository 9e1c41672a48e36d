package schema

import (
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/descriptorpb"
)

// protobuf.js writes the descriptors that a Node.js server shows. This is where they break protobuf's rules and where one
// reading only is possible. What it leaves out cannot be brought back: json_name, custom options, required.
//
// repair changes a file, and says whether it did. It changes none that keeps the rules.
func repair(file *descriptorpb.FileDescriptorProto) bool {
	changed := false
	for _, message := range file.GetMessageType() {
		changed = repairMessage(message) || changed
	}
	if file.GetSyntax() == "proto3" && isProto2(file) {
		file.Syntax = proto.String("proto2")
		changed = true
	}
	return changed
}

func repairMessage(message *descriptorpb.DescriptorProto) bool {
	changed := false
	if message.GetOptions().GetMapEntry() && len(message.GetNestedType()) > 0 {
		message.Options.MapEntry = nil // it has a map, and is no entry of one: those have nothing inside
		changed = true
	}
	changed = repairMaps(message) || changed
	changed = repairRanges(message) || changed
	changed = repairExtensions(message) || changed
	for _, nested := range message.GetNestedType() {
		changed = repairMessage(nested) || changed
	}
	return changed
}

// repairMaps gives the entries of maps their names: for the field "by_id" it is "ByIdEntry", protobuf.js writes "By_id".
// That may even be the name of another message in the same place.
func repairMaps(message *descriptorpb.DescriptorProto) bool {
	fields := map[string]*descriptorpb.FieldDescriptorProto{} // of each wrong name
	for _, field := range message.GetField() {
		if name := field.GetName(); name != "" && field.GetLabel() == descriptorpb.FieldDescriptorProto_LABEL_REPEATED &&
			field.GetType() == descriptorpb.FieldDescriptorProto_TYPE_MESSAGE &&
			field.GetTypeName() == strings.ToUpper(name[:1])+name[1:] {
			fields[field.GetTypeName()] = field
		}
	}
	changed := false
	for _, entry := range message.GetNestedType() {
		field := fields[entry.GetName()]
		if field == nil || !entry.GetOptions().GetMapEntry() {
			continue
		}
		delete(fields, entry.GetName())
		name := mapEntryName(field.GetName())
		entry.Name, field.TypeName = proto.String(name), proto.String(name)
		changed = true
	}
	return changed
}

// mapEntryName is what protobuf prescribes: the field's name in camel case, and "Entry".
func mapEntryName(field string) string {
	var b strings.Builder
	for part := range strings.SplitSeq(field, "_") {
		if part != "" {
			b.WriteString(strings.ToUpper(part[:1]) + part[1:])
		}
	}
	return b.String() + "Entry"
}

// repairRanges mends ranges of one number: protobuf.js takes the end as part of the range, so that they end where they
// begin. What is reserved is of no interest to a reader; a number for extensions is.
func repairRanges(message *descriptorpb.DescriptorProto) bool {
	before := len(message.GetReservedRange())
	message.ReservedRange = slices.DeleteFunc(message.GetReservedRange(), func(r *descriptorpb.DescriptorProto_ReservedRange) bool {
		return r.GetStart() == r.GetEnd()
	})
	changed := before != len(message.GetReservedRange())
	for _, r := range message.GetExtensionRange() {
		if r.GetStart() == r.GetEnd() && r.GetEnd() < 1<<29 {
			r.End = proto.Int32(r.GetEnd() + 1)
			changed = true
		}
	}
	return changed
}

// repairExtensions moves extensions that are declared inside a message from its fields to its extensions, and removes the
// field, of a name such as ".pkg.extension", that protobuf.js gives to the message which is extended.
func repairExtensions(message *descriptorpb.DescriptorProto) bool {
	before := len(message.GetField())
	message.Field = slices.DeleteFunc(message.GetField(), func(field *descriptorpb.FieldDescriptorProto) bool {
		if field.GetExtendee() != "" {
			message.Extension = append(message.Extension, field)
			return true
		}
		return strings.HasPrefix(field.GetName(), ".")
	})
	return before != len(message.GetField())
}

// isProto2 recognizes a file of proto2 that calls itself proto3: every single field says explicitly that it is not packed,
// which makes no sense in proto3. Read as proto3, values that are set to zero would be lost.
func isProto2(file *descriptorpb.FileDescriptorProto) bool {
	singular, unpacked := countUnpacked(file.GetMessageType())
	return singular > 0 && singular == unpacked
}

func countUnpacked(messages []*descriptorpb.DescriptorProto) (singular, unpacked int) {
	for _, message := range messages {
		if message.GetOptions().GetMapEntry() {
			continue // made up by protobuf.js
		}
		for _, field := range message.GetField() {
			if field.GetLabel() != descriptorpb.FieldDescriptorProto_LABEL_OPTIONAL {
				continue
			}
			singular++
			if packed := field.GetOptions(); packed != nil && packed.Packed != nil && !packed.GetPacked() {
				unpacked++
			}
		}
		s, u := countUnpacked(message.GetNestedType())
		singular, unpacked = singular+s, unpacked+u
	}
	return singular, unpacked
}

// isMerged says whether a file passes for a linked one of google/protobuf but has what others of those define as well: a
// Node.js server that has read a descriptor set shows the whole package so, under the path of the last of its files.
func isMerged(file *descriptorpb.FileDescriptorProto) bool {
	path := file.GetName()
	if !strings.HasPrefix(path, "google/protobuf/") || file.GetPackage() != "google.protobuf" {
		return false
	}
	if _, err := (linked{}).FindFileByPath(path); err != nil {
		return false
	}
	for _, message := range file.GetMessageType() {
		if other := linkedFile(split(file.GetPackage()), message.GetName()); other != "" && other != path {
			return true
		}
	}
	return false
}
