#if DEBUG || FUZZING
  import Wire

  @testable import Netlink

  extension FuzzTarget {
    /// The kernel's answers: as many messages as there is room for, and what can be asked for in our own words is read as it was.
    static let netlink = FuzzTarget("netlink") { bytes in
      var count = 0
      var reader = MessageReader(bytes.span.bytes)
      while let message = reader.next() {
        count += 1
        try promise(message.payload.byteCount + 16 <= bytes.count, "a message longer than its datagram")
        if let event = RouteEvent(message) { try checkWriting(event) }
        _ = LinkCounters(message)
        if let flow = Flow(message) {
          try promise(flow.original.source.family == flow.original.destination.family, "a flow between families")
          try promise(FlowFilter().matches(flow), "a flow that no filter at all keeps out")
        }
        if let packet = LoggedPacket(message) {
          try promise(packet.payload.count <= message.payload.byteCount, "more of a packet than was there")
        }
        if let verdict = Acknowledgement(message) {
          try promise((verdict.error("fuzzing") == nil) == (verdict.code == 0), "an error without a number")
        }
        try countAttributes(message.attributes(after: 0), bytes: message.payload.byteCount, depth: 0)
      }
      try promise(count <= bytes.count / 16, "\(count) messages in \(bytes.count) bytes")
    }

    private static func countAttributes(_ reader: consuming AttributeReader, bytes: Int, depth: Int) throws {
      var count = 0
      while let attribute = reader.next() {
        count += 1
        _ = attribute.text
        _ = attribute.address
        _ = attribute.hardware
        _ = attribute.number(UInt64.self)
        if depth < 3 { try countAttributes(attribute.nested, bytes: attribute.payload.byteCount, depth: depth + 1) }
      }
      try promise(count <= bytes / 4, "\(count) attributes in \(bytes) bytes")
    }

    /// A request that would make what was reported is read back as the same.
    private static func checkWriting(_ event: RouteEvent) throws {
      switch event {
      case .route(let route): try promise(read(.add(route)) == event, "another route than \(route)")
      case .routeRemoved(let route): try promise(read(.delete(route)) == event, "another route than \(route)")
      case .neighbour(let neighbour):
        try promise(read(.replace(neighbour)) == event, "another neighbour than \(neighbour)")
      case .address(let address):
        let link = LinkID(index: address.link, name: "lan0")
        let request = NetlinkRequest.add(
          address.address, to: link, flags: address.flags, origin: address.origin, lifetime: address.lifetime)
        guard case .address(var again) = read(request) else {
          throw BrokenPromise(description: "an address that is not read again: \(address)")
        }
        // Which scope an address has, the request says by itself.
        again.scope = address.scope
        try promise(again == address, "\(again) was written for \(address)")
      case .link, .linkRemoved, .addressRemoved, .neighbourRemoved, .overrun: break
      }
    }

    private static func read(_ request: NetlinkRequest) -> RouteEvent? {
      let bytes = request.message.bytes
      var reader = MessageReader(bytes.span.bytes)
      guard let message = reader.next() else { return nil }
      return RouteEvent(message)
    }
  }
#endif
