package config

import "slices"

// Files are the files that a configuration is made of. A program that watches them can load the configuration again when one of
// them changes. Files that are read again by themselves are not among them, such as certificates.
type Files struct {
	// Names are the files that were read: the configuration file, those that it includes, descriptor sets, and files with values of
	// routes. A file that could not be read is one of them too.
	Names []string
	// Patterns are the patterns of `include`, relative to the working directory. A new file may match one of them.
	Patterns []string
	// ImportPaths are the directories in which .proto files are looked up.
	ImportPaths []string
}

// WithFiles returns an option that notes in files what is read. Where loading fails, files has what was read until then.
func WithFiles(files *Files) Option {
	return optionFunc(func(l *loader) { l.files = files })
}

// note adds the name of a file.
func (f *Files) note(name string) {
	if f != nil && !slices.Contains(f.Names, name) {
		f.Names = append(f.Names, name)
	}
}

// notePattern adds a pattern.
func (f *Files) notePattern(pattern string) {
	if f != nil {
		f.Patterns = append(f.Patterns, pattern)
	}
}

// noteSchema adds the files from which the schema of an upstream comes.
func (f *Files) noteSchema(s Schema) {
	if f == nil {
		return
	}
	if s.DescriptorSet != "" {
		f.note(s.DescriptorSet)
	}
	if s.Proto == nil {
		return
	}
	for _, path := range s.Proto.ImportPaths {
		if !slices.Contains(f.ImportPaths, path) {
			f.ImportPaths = append(f.ImportPaths, path)
		}
	}
}
