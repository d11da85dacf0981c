package main

import (
	"google.golang.org/grpc/encoding"
	"google.golang.org/protobuf/proto"
)

// Debian 12's gRPC for Go is older than the protobuf runtime that proto3 `optional` needs: this joins the
// two. Any gRPC for Go from 1.34 on has such a codec of its own.
type codec struct{}

func (codec) Name() string                                  { return "proto" }
func (codec) Marshal(message interface{}) ([]byte, error)   { return proto.Marshal(message.(proto.Message)) }
func (codec) Unmarshal(text []byte, into interface{}) error { return proto.Unmarshal(text, into.(proto.Message)) }

func init() { encoding.RegisterCodec(codec{}) }
