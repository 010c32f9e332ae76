package main

import (
	"bufio"
	"bytes"
	"io"
	"strings"
	"testing"

	"stampede/runtimes/go/internal/protocol"
)

func TestLinesAreReadWhateverTheirLength(t *testing.T) {
	long := strings.Repeat("x", protocol.MaxLineBytes+1)
	stream := io.MultiReader(
		strings.NewReader("one\n"), strings.NewReader(long+"\n"), strings.NewReader("\nlast"))
	lines, ended := readLines(stream)
	var got []line
	for line := range lines {
		got = append(got, line)
	}
	<-ended
	if len(got) != 4 {
		t.Fatalf("%d lines", len(got))
	}
	for i, want := range []string{"one\n", "", "\n", "last"} {
		if string(got[i].text) != want || got[i].tooLong != (i == 1) {
			t.Errorf("line %d has %d bytes, too long: %v", i, len(got[i].text), got[i].tooLong)
		}
	}
}

func TestALineOfTheGreatestLengthIsRead(t *testing.T) {
	text := append(bytes.Repeat([]byte("x"), protocol.MaxLineBytes-1), '\n')
	next, err := readLine(bufio.NewReader(bytes.NewReader(text)))
	if err != nil || next.tooLong || len(next.text) != protocol.MaxLineBytes {
		t.Errorf("%d bytes, too long: %v, %v", len(next.text), next.tooLong, err)
	}
}
