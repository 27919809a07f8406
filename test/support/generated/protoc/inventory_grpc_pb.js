// GENERATED CODE -- DO NOT EDIT!

// Original file comments:
// What examples/inventory.ts serves and calls, and the test of generated stubs.
'use strict';
var grpc = require('@grpc/grpc-js');
var inventory_pb = require('./inventory_pb.js');

function serialize_garden_v1_Item(arg) {
  if (!(arg instanceof inventory_pb.Item)) {
    throw new Error('Expected argument of type garden.v1.Item');
  }
  return Buffer.from(arg.serializeBinary());
}

function deserialize_garden_v1_Item(buffer_arg) {
  return inventory_pb.Item.deserializeBinary(new Uint8Array(buffer_arg));
}

function serialize_garden_v1_Stock(arg) {
  if (!(arg instanceof inventory_pb.Stock)) {
    throw new Error('Expected argument of type garden.v1.Stock');
  }
  return Buffer.from(arg.serializeBinary());
}

function deserialize_garden_v1_Stock(buffer_arg) {
  return inventory_pb.Stock.deserializeBinary(new Uint8Array(buffer_arg));
}


// How many of each thing there are.
var InventoryService = exports.InventoryService = {
  count: {
    path: '/garden.v1.Inventory/Count',
    requestStream: false,
    responseStream: false,
    requestType: inventory_pb.Item,
    responseType: inventory_pb.Stock,
    requestSerialize: serialize_garden_v1_Item,
    requestDeserialize: deserialize_garden_v1_Item,
    responseSerialize: serialize_garden_v1_Stock,
    responseDeserialize: deserialize_garden_v1_Stock,
  },
  watch: {
    path: '/garden.v1.Inventory/Watch',
    requestStream: false,
    responseStream: true,
    requestType: inventory_pb.Item,
    responseType: inventory_pb.Stock,
    requestSerialize: serialize_garden_v1_Item,
    requestDeserialize: deserialize_garden_v1_Item,
    responseSerialize: serialize_garden_v1_Stock,
    responseDeserialize: deserialize_garden_v1_Stock,
  },
  restock: {
    path: '/garden.v1.Inventory/Restock',
    requestStream: true,
    responseStream: false,
    requestType: inventory_pb.Stock,
    responseType: inventory_pb.Stock,
    requestSerialize: serialize_garden_v1_Stock,
    requestDeserialize: deserialize_garden_v1_Stock,
    responseSerialize: serialize_garden_v1_Stock,
    responseDeserialize: deserialize_garden_v1_Stock,
  },
  talk: {
    path: '/garden.v1.Inventory/Talk',
    requestStream: true,
    responseStream: true,
    requestType: inventory_pb.Item,
    responseType: inventory_pb.Stock,
    requestSerialize: serialize_garden_v1_Item,
    requestDeserialize: deserialize_garden_v1_Item,
    responseSerialize: serialize_garden_v1_Stock,
    responseDeserialize: deserialize_garden_v1_Stock,
  },
};

exports.InventoryClient = grpc.makeGenericClientConstructor(InventoryService, 'Inventory');
