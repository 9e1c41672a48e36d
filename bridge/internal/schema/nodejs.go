package schema

import (
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/descriptorpb"
)

// repair corrects a file that protobuf.js wrote, as Node.js servers return it, and reports whether it changed anything. It
// corrects violations of protobuf's rules that have only one possible meaning. It does not change a file that keeps the rules.
// What protobuf.js leaves out stays lost: json_name, custom options, required.
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
		message.Options.MapEntry = nil // a real map entry has no nested types
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

// repairMaps renames the entry types of maps. The entry of the field "by_id" must be "ByIdEntry", and protobuf.js writes
// "By_id". The wrong name may even be the name of another message in the same scope.
func repairMaps(message *descriptorpb.DescriptorProto) bool {
	fields := map[string]*descriptorpb.FieldDescriptorProto{} // by the wrong name of the entry
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

// mapEntryName returns the name that protobuf prescribes: the name of the field in camel case, and "Entry".
func mapEntryName(field string) string {
	var b strings.Builder
	for part := range strings.SplitSeq(field, "_") {
		if part != "" {
			b.WriteString(strings.ToUpper(part[:1]) + part[1:])
		}
	}
	return b.String() + "Entry"
}

// repairRanges corrects ranges of one number. protobuf.js includes the end in a range, so such a range ends where it begins. A
// reserved range is removed, since it has no effect on reading messages. The end of an extension range is corrected.
func repairRanges(message *descriptorpb.DescriptorProto) bool {
	before := len(message.GetReservedRange())
	isEmpty := func(r *descriptorpb.DescriptorProto_ReservedRange) bool { return r.GetStart() == r.GetEnd() }
	message.ReservedRange = slices.DeleteFunc(message.GetReservedRange(), isEmpty)
	changed := before != len(message.GetReservedRange())
	for _, r := range message.GetExtensionRange() {
		if r.GetStart() == r.GetEnd() && r.GetEnd() < 1<<29 {
			r.End = proto.Int32(r.GetEnd() + 1)
			changed = true
		}
	}
	return changed
}

// repairExtensions moves extensions that are declared inside a message from its fields to its extensions. It also removes the
// field with a name such as ".pkg.extension" that protobuf.js adds to the extended message.
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

// isProto2 reports whether a file is proto2 although it says proto3: every singular field says explicitly that it is not
// packed, which proto3 has no use for. If the file were read as proto3, fields that are set to zero would be lost.
func isProto2(file *descriptorpb.FileDescriptorProto) bool {
	singular, unpacked := countUnpacked(file.GetMessageType())
	return singular > 0 && singular == unpacked
}

func countUnpacked(messages []*descriptorpb.DescriptorProto) (singular, unpacked int) {
	for _, message := range messages {
		if message.GetOptions().GetMapEntry() {
			continue // protobuf.js makes the fields of map entries itself
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

// isMerged reports whether a file has the path of a linked file of google/protobuf, and also types of other such files. A
// Node.js server that has read a descriptor set returns the whole package as one file, under the path of the last one.
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
