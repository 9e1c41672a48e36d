package config

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

// A key that the loader writes under another name is masked as well, where the file has a secret that is found under no key.
func TestASecretUnderAnotherKeyIsMasked(t *testing.T) {
	origin := &node{kind: mapping}
	origin.set("old", &node{kind: scalar, secret: true})
	origin.set("kept", textNode("a"))
	written := &node{kind: mapping}
	written.set("new", listNode([]string{"hunter2", "hunter2"}))
	written.set("kept", textNode("a"))
	written.maskAs(origin)
	assert.Equal(t, "***", written.child("new").children[0].text())
	assert.Len(t, written.child("new").children, 1)
	assert.Equal(t, "a", written.child("kept").text())
}
