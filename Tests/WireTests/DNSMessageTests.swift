import Testing
import Wire

/// Messages octet by octet.
@Suite struct DNSMessageTests {
  private func message(_ counts: [UInt16], flags: UInt16 = 0x0100, _ rest: [UInt8]) -> [UInt8] {
    var writer = ByteWriter()
    writer.write(UInt16(0xbeef))
    writer.write(flags)
    for count in counts { writer.write(count) }
    writer.write(contentsOf: rest)
    return writer.bytes
  }

  /// `www.example`, then type A and class IN.
  private let name: [UInt8] = [3, 0x77, 0x77, 0x77, 7, 0x65, 0x78, 0x61, 0x6d, 0x70, 0x6c, 0x65, 0]
  private let addressQuestion: [UInt8] = [0, 1, 0, 1]

  /// The record behind the question.
  private func record(in bytes: [UInt8]) -> DNSMessage.Record? { DNSMessage(bytes.span.bytes)?.record(at: 29) }

  @Test func aPlainQueryIsRead() throws {
    let query = try DNSQuery(reading: message([1, 0, 0, 0], name + addressQuestion).span.bytes)
    #expect(query.identifier == 0xbeef)
    #expect(query.type == .a)
    #expect(query.recordClass == dnsClassInternet)
    #expect(query.nameLength == 13)
    #expect(query.questionEnd == 29)
    #expect(!query.hasEDNS && query.payloadSize == 512)
  }

  /// RFC 6891 section 6.1.2: name 0, type 41, payload size, extended code, version, flags, length.
  @Test(arguments: [(UInt16(4096), 4096), (1232, 1232), (100, 512)])
  func ednsTellsTheSizeAndDO(_ size: UInt16, _ expected: Int) throws {
    let options: [UInt8] = [0, 0, 41, UInt8(size >> 8), UInt8(size & 255), 0, 0, 0x80, 0, 0, 4, 0, 10, 0, 0]
    let query = try DNSQuery(reading: message([1, 0, 0, 1], name + addressQuestion + options).span.bytes)
    #expect(query.hasEDNS && query.wantsDNSSEC && query.ednsVersion == 0)
    #expect(query.payloadSize == expected)
  }

  @Test func whatIsNoQueryIsNotAnswered() {
    #expect(throws: DNSQuery.Failure.notAQuery) { try DNSQuery(reading: [UInt8](repeating: 0, count: 11).span.bytes) }
    #expect(throws: DNSQuery.Failure.notAQuery) {
      try DNSQuery(reading: message([1, 0, 0, 0], flags: 0x8180, name + addressQuestion).span.bytes)
    }
    #expect(throws: DNSQuery.Failure.notImplemented) {
      try DNSQuery(reading: message([1, 0, 0, 0], flags: 0x2800, name + addressQuestion).span.bytes)
    }
  }

  @Test(
    arguments: [
      ("no question", [0, 0, 0, 0], []), ("two questions", [2, 0, 0, 0], [0, 0, 1, 0, 1, 0, 0, 1, 0, 1]),
      ("an answer", [1, 1, 0, 0], [0, 0, 1, 0, 1]), ("no type", [1, 0, 0, 0], [0, 0]),
      ("a name that is cut", [1, 0, 0, 0], [5, 0x61]), ("a pointer as name", [1, 0, 0, 0], [0xc0, 12, 0, 1, 0, 1]),
      ("a label of 64", [1, 0, 0, 0], [64] + [UInt8](repeating: 0x61, count: 64) + [0, 0, 1, 0, 1]),
      ("a missing record", [1, 0, 0, 1], [0, 0, 1, 0, 1]),
      ("a record that is cut", [1, 0, 0, 1], [0, 0, 1, 0, 1, 0, 0, 41, 16, 0, 0, 0, 0, 0, 0, 9]),
      ("OPT with a name", [1, 0, 0, 1], [0, 0, 1, 0, 1, 1, 0x61, 0, 0, 41, 16, 0, 0, 0, 0, 0, 0, 0]),
      (
        "OPT twice", [1, 0, 0, 2],
        [0, 0, 1, 0, 1, 0, 0, 41, 16, 0, 0, 0, 0, 0, 0, 0, 0, 0, 41, 16, 0, 0, 0, 0, 0, 0, 0]
      ),
    ] as [(String, [UInt16], [UInt8])])
  func malformedQueriesAreToldFromOthers(_ problem: String, _ counts: [UInt16], _ rest: [UInt8]) {
    let bytes = message(counts, rest)
    #expect(throws: DNSQuery.Failure.malformed, "\(problem)") { try DNSQuery(reading: bytes.span.bytes) }
  }

  @Test func aNameOf255OctetsIsReadAndOneOf256IsNot() throws {
    let labels = (0..<3).flatMap { _ in [UInt8(63)] + [UInt8](repeating: 0x61, count: 63) }
    let longest = labels + [61] + [UInt8](repeating: 0x62, count: 61) + [0]
    #expect(try DNSQuery(reading: message([1, 0, 0, 0], longest + addressQuestion).span.bytes).nameLength == 255)
    let longer = labels + [62] + [UInt8](repeating: 0x62, count: 62) + [0]
    #expect(throws: DNSQuery.Failure.malformed) {
      try DNSQuery(reading: message([1, 0, 0, 0], longer + addressQuestion).span.bytes)
    }
  }

  @Test func compressedNamesAreReadInWhole() throws {
    // At 29: cdn + pointer to "example" at 16.
    let bytes = message([1, 0, 0, 0], name + addressQuestion + [3, 0x63, 0x64, 0x6e, 0xc0, 16])
    let read = bytes.span.bytes.dnsName(at: 29)
    #expect(read?.name.description == "cdn.example")
    #expect(read?.end == 35)
  }

  @Test(
    arguments: [
      ("to itself", [0xc0, 29]), ("forward", [0xc0, 31, 0]), ("into the header", [0xc0, 4]),
      ("behind the end", [0xff, 0xff]), ("cut", [0xc0]), ("of a type that does not exist", [0x80, 12]),
      ("in a circle", [1, 0x61, 0xc0, 29]),
    ] as [(String, [UInt8])])
  func pointersThatLeadNowhereAreRefused(_ kind: String, _ pointer: [UInt8]) {
    let bytes = message([1, 0, 0, 0], name + addressQuestion + pointer)
    let isRead = bytes.span.bytes.dnsName(at: 29) != nil
    #expect(!isRead, "\(kind)")
  }

  @Test func aRecordIsCopiedWithItsNamesInWhole() throws {
    // example MX 10 mail.example, compressed in owner and data.
    let octets: [UInt8] = [0xc0, 16, 0, 15, 0, 1, 0, 0, 1, 44, 0, 9, 0, 10, 4, 0x6d, 0x61, 0x69, 0x6c, 0xc0, 16]
    let bytes = message([1, 1, 0, 0], flags: 0x8180, name + addressQuestion + octets)
    let found = try #require(record(in: bytes))
    #expect(found.type == .mx && found.ttl == 300 && found.end == bytes.count)
    var writer = ByteWriter()
    DNSMessage(bytes.span.bytes)?.copy(found, to: &writer)
    let example: [UInt8] = [7, 0x65, 0x78, 0x61, 0x6d, 0x70, 0x6c, 0x65, 0]
    #expect(
      writer.bytes == example + [0, 15, 0, 1, 0, 0, 1, 44, 0, 16, 0, 10, 4, 0x6d, 0x61, 0x69, 0x6c] + example)
  }

  @Test(
    arguments: [
      ("A of three octets", [0, 0, 1, 0, 1, 0, 0, 0, 0, 0, 3, 1, 2, 3]),
      ("AAAA of four", [0, 0, 28, 0, 1, 0, 0, 0, 0, 0, 4, 1, 2, 3, 4]),
      ("CNAME with something behind", [0, 0, 5, 0, 1, 0, 0, 0, 0, 0, 2, 0, 9]),
      ("SOA without numbers", [0, 0, 6, 0, 1, 0, 0, 0, 0, 0, 2, 0, 0]),
      ("data beyond the end", [0, 0, 16, 0, 1, 0, 0, 0, 0, 0, 9, 1]),
    ] as [(String, [UInt8])])
  func recordsWithDataThatCannotBeAreRefused(_ kind: String, _ octets: [UInt8]) {
    let bytes = message([1, 1, 0, 0], flags: 0x8180, name + addressQuestion + octets)
    #expect(record(in: bytes) == nil, "\(kind)")
  }

  @Test func aQueryToAServerIsWhatAServerReads() throws {
    let outgoing = DNSOutgoingQuery(
      identifier: 7, name: try #require(DomainName("wWw.Example")), type: .aaaa,
      flags: [.recursionDesired, .checkingDisabled], payloadSize: 1232, wantsDNSSEC: true)
    let query = try DNSQuery(reading: outgoing.bytes.span.bytes)
    #expect((query.identifier, query.type, query.payloadSize) == (7, .aaaa, 1232))
    #expect(query.wantsDNSSEC && query.flags.contains(.checkingDisabled))
    let asked = DNSMessage(outgoing.bytes.span.bytes)?.question?.name.wire
    #expect(asked == outgoing.name.wire)
  }
}
