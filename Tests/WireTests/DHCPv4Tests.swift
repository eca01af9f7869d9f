import Testing

@testable import Wire

/// The bytes of a message: header of `client`, cookie, then the options given as they stand.
private func packet(options: [UInt8], file: [UInt8] = [], serverName: [UInt8] = []) -> [UInt8] {
  var writer = ByteWriter()
  DHCPv4Header(operation: .request, transaction: 0x3903_f326, hardware: MACAddress(value: 0x0200_0000_0010))
    .write(to: &writer)
  writer.write(DHCPv4.magicCookie)
  var bytes = writer.bytes + options
  bytes.replaceSubrange(108..<108 + file.count, with: file)
  bytes.replaceSubrange(44..<44 + serverName.count, with: serverName)
  return bytes
}

/// A message that answers like a `DHCPv4View` of its bytes, and that the macros of Swift Testing can hold.
private struct Reading {
  let bytes: [UInt8]

  init(_ bytes: [UInt8]) throws {
    self.bytes = bytes
    _ = try DHCPv4View(bytes.span.bytes)
  }

  func get<Value>(_ body: (borrowing DHCPv4View) -> Value) throws -> Value { body(try DHCPv4View(bytes.span.bytes)) }
}

/// The frame's parts; nil where it is refused.
private func readFrame(_ bytes: [UInt8]) -> (frame: UDPv4Frame, isValid: Bool, payload: [UInt8])? {
  guard let view = UDPv4FrameView(bytes.span.bytes) else { return nil }
  return (view.frame, view.hasValidChecksum, view.payload.array)
}

private func malformation(_ bytes: [UInt8]) -> DHCPv4Malformation? {
  do {
    _ = try DHCPv4View(bytes.span.bytes)
    return nil
  } catch {
    return error
  }
}

@Suite struct DHCPv4ViewTests {
  /// A DISCOVER as udhcpc sends it, field by field (RFC 2131 figure 1).
  @Test func readsADiscover() throws {
    let bytes: [UInt8] =
      [
        1, 1, 6, 0,  // op htype hlen hops
        0x39, 0x03, 0xf3, 0x26,  // xid
        0x00, 0x05, 0x80, 0x00,  // secs, flags with B
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,  // ciaddr yiaddr siaddr
        192, 168, 77, 2,  // giaddr
        0x02, 0, 0, 0, 0, 0x10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,  // chaddr
      ] + [UInt8](repeating: 0, count: 192) + [
        0x63, 0x82, 0x53, 0x63,  // cookie
        53, 1, 1, 61, 7, 1, 2, 0, 0, 0, 0, 0x10, 57, 2, 0x02, 0x40, 12, 3, 0x6e, 0x61, 0x73, 55, 3, 1, 3, 6, 255, 0, 0,
      ]
    let message = try Reading(bytes)
    #expect(
      try message.get { $0.header }
        == DHCPv4Header(
          operation: .request, transaction: 0x3903_f326, seconds: 5, wantsBroadcast: true,
          relay: IPv4Address(192, 168, 77, 2), hardware: MACAddress(value: 0x0200_0000_0010)))
    #expect(try message.get { $0.messageType } == .discover)
    #expect(try message.get { $0.clientIdentifier } == [1, 2, 0, 0, 0, 0, 0x10])
    #expect(try message.get { $0.messageLimit } == 548)
    #expect(try message.get { $0.text(.hostName) } == "nas")
    #expect(try message.get { $0.option(.parameterRequestList) } == [1, 3, 6])
    #expect(try message.get { $0.requestedAddress } == nil)
    #expect(try message.get { $0.optionCodes.map(\.rawValue) } == [53, 61, 57, 12, 55])
  }

  /// RFC 3396 section 7 with the areas in the order of RFC 2131 section 4.1: options, file, sname.
  @Test func joinsPartsAcrossOverloadedAreas() throws {
    let bytes = packet(
      options: [53, 1, 2, 15, 2, 0x68, 0x6f, 52, 1, 3, 255], file: [15, 1, 0x6d, 255],
      serverName: [0, 15, 1, 0x65, 255]
    )
    let message = try Reading(bytes)
    #expect(try message.get { $0.text(.domainName) } == "home")
    #expect(try message.get { $0.optionCodes.map(\.rawValue) } == [53, 15, 52, 15, 15])
  }

  @Test func areasThatAreNotOverloadedAreNotOptions() throws {
    let bytes = packet(options: [53, 1, 2, 52, 1, 2, 255], file: [15, 1, 0x61, 255], serverName: [12, 1, 0x62, 255])
    let message = try Reading(bytes)
    #expect(try message.get { $0.text(.domainName) } == nil)
    #expect(try message.get { $0.text(.hostName) } == "b")
  }

  @Test(arguments: [
    ([53, 1], DHCPv4Malformation.optionLength), ([53, 1, 1, 12], .optionLength), ([53, 1, 1, 12, 5, 1], .optionLength),
    ([53, 1, 1, 52, 1, 4, 255], .overload), ([53, 1, 1, 52, 2, 1, 1], .overload), ([12, 1, 1, 255], .messageType),
    ([53, 2, 1, 1], .messageType), ([53, 1, 1, 53, 1, 3], .messageType), ([255, 53, 1, 1], .messageType),
  ])
  func refuses(options: [UInt8], because reason: DHCPv4Malformation) {
    #expect(malformation(packet(options: options)) == reason)
  }

  @Test func refusesWhatIsNoEthernetClient() {
    let good = packet(options: [53, 1, 1, 255])
    #expect(malformation(good) == nil)
    for (offset, value, reason) in [
      (0, 3, DHCPv4Malformation.operation), (1, 32, .hardware), (2, 16, .hardware), (236, 0, .cookie),
    ] {
      var bytes = good
      bytes[offset] = UInt8(value)
      #expect(malformation(bytes) == reason)
    }
    #expect(malformation(Array(good.prefix(239))) == .tooShort)
    #expect(malformation([]) == .tooShort)
  }

  @Test func optionsOfAnotherSizeAreAbsent() throws {
    let message = try Reading(packet(options: [53, 1, 3, 50, 3, 1, 2, 3, 61, 1, 9, 6, 5, 1, 2, 3, 4, 5]))
    #expect(try message.get { $0.requestedAddress } == nil)
    #expect(try message.get { $0.clientIdentifier } == nil)
    #expect(try message.get { $0.addresses(.domainNameServers).isEmpty })
    #expect(try message.get { $0.hasOption(.requestedAddress) })
  }
}

@Suite struct DHCPv4BuilderTests {
  private let header = DHCPv4Header(
    operation: .reply, hops: 1, transaction: 0xdead_beef, seconds: 7, wantsBroadcast: true,
    clientAddress: IPv4Address(10, 0, 0, 1), yourAddress: IPv4Address(10, 0, 0, 2),
    nextServer: IPv4Address(10, 0, 0, 3), relay: IPv4Address(10, 0, 0, 4),
    hardware: MACAddress(value: 0x0201_0203_0405))

  @Test func whatIsBuiltReadsBack() throws {
    var builder = DHCPv4Builder(header, type: .offer)
    builder.add(.leaseTime, UInt32(43_200))
    builder.add(.interfaceMTU, UInt16(1_500))
    builder.add(.domainNameServers, [IPv4Address(10, 0, 0, 5), IPv4Address(10, 0, 0, 6)])
    builder.add(.domainName, "home.arpa")
    builder.add(.message, "")
    builder.add(.ntpServers, [IPv4Address]())
    let bytes = builder.message()
    #expect(bytes.count == 300)
    let message = try Reading(bytes)
    #expect(try message.get { $0.header } == header)
    #expect(try message.get { $0.messageType } == .offer)
    #expect(try message.get { $0.uint32(.leaseTime) } == 43_200)
    #expect(try message.get { $0.uint16(.interfaceMTU) } == 1_500)
    #expect(
      try message.get { $0.addresses(.domainNameServers) } == [IPv4Address(10, 0, 0, 5), IPv4Address(10, 0, 0, 6)])
    #expect(try message.get { $0.text(.domainName) } == "home.arpa")
    #expect(try message.get { !$0.hasOption(.message) && !$0.hasOption(.ntpServers) })
  }

  @Test(arguments: [0, 1, 255, 256, 510, 511, 700])
  func longValuesAreSplitAndJoined(length: Int) throws {
    var builder = DHCPv4Builder(header, type: .acknowledge)
    let value = (0..<length).map { UInt8(truncatingIfNeeded: $0) }
    builder.add(.domainSearch, bytes: value)
    let bytes = builder.message(limit: 1_472)
    #expect(bytes.count <= 1_472)
    let message = try Reading(bytes)
    #expect(try message.get { $0.option(.domainSearch) } == value)
  }

  /// Options that do not fit go to `file` and `sname`; what fits nowhere is left out as a whole, the rest stays.
  @Test func overflowsIntoTheOtherFields() throws {
    var builder = DHCPv4Builder(header, type: .acknowledge)
    let large = [UInt8](repeating: 7, count: 200)
    builder.add(DHCPv4OptionCode(200), bytes: large)
    builder.add(DHCPv4OptionCode(201), bytes: large.prefix(100))
    builder.add(DHCPv4OptionCode(202), bytes: large.prefix(60))
    builder.add(DHCPv4OptionCode(203), bytes: large)
    builder.add(DHCPv4OptionCode(204), bytes: large.prefix(40))
    let bytes = builder.message()
    #expect(bytes.count <= 548)
    let message = try Reading(bytes)
    #expect(try message.get { $0.option(DHCPv4OptionCode(200)) } == large)
    #expect(try message.get { $0.option(DHCPv4OptionCode(201))?.count } == 100)
    #expect(try message.get { $0.option(DHCPv4OptionCode(202))?.count } == 60)
    #expect(try message.get { $0.option(DHCPv4OptionCode(203)) } == nil)
    #expect(try message.get { $0.option(DHCPv4OptionCode(204))?.count } == 40)
    #expect(try message.get { $0.uint8(.overload) } == 3)
  }

  @Test func reservedCodesAreLeftOut() throws {
    var builder = DHCPv4Builder(header, type: .acknowledge)
    for code in [DHCPv4OptionCode.pad, .end, .overload, .messageType] { builder.add(code, bytes: [1]) }
    #expect(try Reading(builder.message()).get { $0.optionCodes } == [.messageType])
  }
}

@Suite struct DHCPv4ValueTests {
  /// The encodings of RFC 3442, "Classless Route Option Format".
  @Test(arguments: [
    ("0.0.0.0/0", [0]), ("10.0.0.0/8", [8, 10]), ("10.0.0.0/24", [24, 10, 0, 0]), ("10.17.0.0/16", [16, 10, 17]),
    ("10.27.129.0/24", [24, 10, 27, 129]), ("10.229.0.128/25", [25, 10, 229, 0, 128]),
    ("10.198.122.47/32", [32, 10, 198, 122, 47]),
  ])
  func routes(prefix: String, descriptor: [UInt8]) throws {
    let destination = try #require(IPPrefix(prefix))
    let route = try #require(DHCPv4Route(destination: destination, router: IPv4Address(192, 0, 2, 1)))
    let bytes = descriptor + [192, 0, 2, 1]
    #expect(DHCPv4Route.encode([route]) == bytes)
    #expect(DHCPv4Route.decode(bytes + bytes) == [route, route])
    for cut in 1..<bytes.count { #expect(DHCPv4Route.decode(Array(bytes.prefix(cut))) == nil) }
  }

  @Test func routeWithALongPrefixIsMalformed() { #expect(DHCPv4Route.decode([33, 1, 2, 3, 4, 5, 1, 2, 3, 4]) == nil) }

  /// The example of RFC 3397 section 2: the second name's suffix is a pointer into the first.
  @Test func domainSearchFollowsPointersBackwards() throws {
    let value: [UInt8] =
      [3] + Array("eng".utf8) + [5] + Array("apple".utf8) + [3] + Array("com".utf8) + [0, 9] + Array("marketing".utf8)
      + [0xc0, 4]
    #expect(DHCPv4DomainSearch.decode(value)?.map(\.description) == ["eng.apple.com", "marketing.apple.com"])
    let names = try ["home.arpa", "guest.home.arpa"].map { try #require(DomainName($0)) }
    #expect(DHCPv4DomainSearch.decode(DHCPv4DomainSearch.encode(names)) == names)
    for bad: [UInt8] in [[0xc0, 0], [1, 97, 0xc0, 0], [0xc0], [3, 97], [0x80, 0], [1, 97]] {
      #expect(DHCPv4DomainSearch.decode(bad) == nil)
    }
  }

  @Test(arguments: [
    ([5, 0, 0, 3, 0x6e, 0x61, 0x73, 0], "nas"), ([5, 0, 0, 3, 0x6e, 0x61, 0x73], "nas"),
    ([1, 0, 0, 0x6e, 0x61, 0x2e, 0x62], "na"), ([4, 0, 0, 9, 0x6e], nil), ([4, 0, 0], nil), ([4, 0], nil),
    ([0, 0, 0, 0xff, 0xfe], nil),
  ])
  func fullyQualifiedNames(option: [UInt8], label: String?) {
    #expect(DHCPv4ClientFQDN(option)?.firstLabel == label)
  }
}

@Suite struct UDPv4FrameTests {
  private let frame = UDPv4Frame(
    source: MACAddress(value: 0x0200_0000_0001), destination: .broadcast, sourceAddress: IPv4Address(192, 168, 77, 1),
    destinationAddress: .broadcast, sourcePort: 67, destinationPort: 68)

  @Test(arguments: [0, 1, 300, 301])
  func whatIsBuiltReadsBack(length: Int) throws {
    let payload = (0..<length).map { UInt8(truncatingIfNeeded: $0 &* 7) }
    let bytes = (frame.encoded(payload: payload.span.bytes) ?? []) + [0, 0, 0]
    let read = try #require(readFrame(bytes))
    #expect(read.frame == frame)
    #expect(read.isValid)
    #expect(read.payload == payload)
  }

  @Test func everyDamagedByteIsNoticed() {
    let payload: [UInt8] = [1, 2, 3, 4, 5]
    let good = frame.encoded(payload: payload.span.bytes) ?? []
    #expect(good.count == UDPv4Frame.headerSize + 5)
    for index in 14..<good.count {
      var bytes = good
      bytes[index] ^= 0x11
      if let read = readFrame(bytes) { #expect(!read.isValid, "byte \(index)") }
    }
    for cut in 0..<good.count { #expect(readFrame(Array(good.prefix(cut))) == nil) }
  }
}
