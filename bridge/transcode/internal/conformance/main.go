// Command conformance is the testee of the official protobuf conformance suite for package transcode: the runner sends it messages
// through a pipe, and it answers with their JSON.
//
// Each answer is also compared with protojson's, since the runner looks at what the JSON means when it is parsed again, not at its form.
// CONFORMANCE_PROTOS names the directory of the suite's .proto files.
package main

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
)

func main() {
	if err := run(context.Background(), os.Getenv("CONFORMANCE_PROTOS"), os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "conformance testee:", err)
		os.Exit(1)
	}
}

// run answers requests until the runner closes its end. Each is preceded by its length, as 32 bits in little-endian order.
func run(ctx context.Context, protos string, in io.Reader, out io.Writer) error {
	t, err := newTestee(ctx, protos)
	if err != nil {
		return err
	}
	for {
		var size [4]byte
		if _, err := io.ReadFull(in, size[:]); err != nil {
			if errors.Is(err, io.EOF) {
				return nil
			}
			return err
		}
		request := make([]byte, binary.LittleEndian.Uint32(size[:]))
		if _, err := io.ReadFull(in, request); err != nil {
			return err
		}
		response, err := t.answer(request)
		if err != nil {
			return err
		}
		binary.LittleEndian.PutUint32(size[:], uint32(len(response)))
		if _, err := out.Write(append(size[:], response...)); err != nil {
			return err
		}
	}
}
