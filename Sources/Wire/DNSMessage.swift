/// One message read where it lies: the header's numbers, the question, the records in order (RFC 1035 section 4).
///
/// Nothing is trusted: every read is checked, and a compression pointer must lead to an earlier octet than the one before it,
/// so that following them ends.
public struct DNSMessage: ~Escapable {
  public let bytes: RawSpan

  /// Nil where there is not even a header.
  @_lifetime(copy bytes)
  public init?(_ bytes: RawSpan) {
    guard bytes.byteCount >= dnsHeaderLength else { return nil }
    self.bytes = bytes
  }

  public var identifier: UInt16 { bytes.dnsUInt16(at: 0) }
  public var flags: DNSFlags { DNSFlags(rawValue: bytes.dnsUInt16(at: 2)) }
  public var questionCount: Int { Int(bytes.dnsUInt16(at: 4)) }
  public var answerCount: Int { Int(bytes.dnsUInt16(at: 6)) }
  public var authorityCount: Int { Int(bytes.dnsUInt16(at: 8)) }
  public var additionalCount: Int { Int(bytes.dnsUInt16(at: 10)) }

  /// A question, its name in whole.
  public struct Question: Sendable, Equatable {
    public var name: DomainName
    public var type: DNSType
    public var recordClass: UInt16
    /// The octet after it.
    public var end: Int
  }

  /// The first question; nil where there is none or it is malformed.
  public var question: Question? {
    guard questionCount > 0, let (name, end) = bytes.dnsName(at: dnsHeaderLength), end + 4 <= bytes.byteCount else {
      return nil
    }
    return Question(
      name: name, type: DNSType(rawValue: bytes.dnsUInt16(at: end)), recordClass: bytes.dnsUInt16(at: end + 2),
      end: end + 4)
  }

  /// Where a record's parts are in the message.
  public struct Record: Sendable, Equatable {
    public var start: Int
    public var type: DNSType
    public var recordClass: UInt16
    /// In seconds, as it stands; RFC 2181 section 8 takes values of 2^31 and more as 0.
    public var ttl: UInt32
    public var ttlOffset: Int
    public var data: Range<Int>
    /// The octet after it.
    public var end: Int { data.upperBound }
  }

  /// The record that starts at `offset`; nil where it is malformed, in its owner or in the names in its data.
  public func record(at offset: Int) -> Record? {
    guard let nameEnd = bytes.dnsNameLength(at: offset)?.end, nameEnd + 10 <= bytes.byteCount else { return nil }
    let dataStart = nameEnd + 10
    let dataEnd = dataStart + Int(bytes.dnsUInt16(at: nameEnd + 8))
    guard dataEnd <= bytes.byteCount else { return nil }
    let record = Record(
      start: offset, type: DNSType(rawValue: bytes.dnsUInt16(at: nameEnd)),
      recordClass: bytes.dnsUInt16(at: nameEnd + 2),
      ttl: bytes.dnsUInt32(at: nameEnd + 4), ttlOffset: nameEnd + 4, data: dataStart..<dataEnd)
    return hasSoundData(record) ? record : nil
  }

  /// The names in a record's data: where each starts. Only types whose names may be compressed are looked into (RFC 3597 section 4).
  public func nameOffsets(in record: Record) -> [Int]? {
    guard let layout = DNSDataLayout(record.type) else { return [] }
    var offset = record.data.lowerBound + layout.before
    var offsets: [Int] = []
    for _ in 0..<layout.names {
      guard offset < record.end, let end = bytes.dnsNameLength(at: offset)?.end, end <= record.end else { return nil }
      offsets.append(offset)
      offset = end
    }
    return offset + layout.after == record.end ? offsets : nil
  }

  private func hasSoundData(_ record: Record) -> Bool {
    switch record.type {
    case .a: record.data.count == 4
    case .aaaa: record.data.count == 16
    default: nameOffsets(in: record) != nil
    }
  }

  /// Appends a record with every name in whole, so that it may stand in another message.
  public func copy(_ record: Record, to writer: inout ByteWriter) {
    guard let (owner, fixed) = bytes.dnsName(at: record.start), let names = nameOffsets(in: record) else { return }
    writer.write(contentsOf: owner.wire)
    writer.write(contentsOf: bytes.extracting(fixed..<fixed + 8).array)
    let lengthOffset = writer.count
    writer.write(UInt16(0))
    var offset = record.data.lowerBound
    for start in names {
      writer.write(contentsOf: bytes.extracting(offset..<start).array)
      guard let (name, end) = bytes.dnsName(at: start) else { return }
      writer.write(contentsOf: name.wire)
      offset = end
    }
    writer.write(contentsOf: bytes.extracting(offset..<record.end).array)
    writer.patch(UInt16(truncatingIfNeeded: writer.count - lengthOffset - 2), at: lengthOffset)
  }
}

/// Where the names are in the data of the types of RFC 1035 and 1183, 2163, 2782: octets before, names, octets after.
struct DNSDataLayout {
  var before = 0
  var names = 1
  var after = 0

  init?(_ type: DNSType) {
    switch type.rawValue {
    case 2, 3, 4, 5, 7, 8, 9, 12, 39: break  // NS MD MF CNAME MB MG MR PTR DNAME
    case 6: (names, after) = (2, 20)  // SOA
    case 14, 17: names = 2  // MINFO RP
    case 15, 18, 21, 36: before = 2  // MX AFSDB RT KX
    case 26: (before, names) = (2, 2)  // PX
    case 33: before = 6  // SRV
    default: return nil
    }
  }
}

extension RawSpan {
  @inlinable
  func dnsUInt32(at offset: Int) -> UInt32 {
    unsafeLoadUnaligned(fromByteOffset: offset, as: UInt32.self).bigEndian
  }

  /// Octets of the name that starts at `start` once it is in whole, and the octet after it where it stands. Nil where it is malformed.
  func dnsNameLength(at start: Int) -> (length: Int, end: Int)? {
    var length = 0
    var end: Int?
    let isSound = forEachLabel(at: start) { offset, count in
      length += count
    } pointer: {
      end = end ?? $0
    }
    guard isSound, length <= DomainName.maximumLength else { return nil }
    return (length, end ?? start + length)
  }

  /// The name that starts at `start` in whole, and the octet after it where it stands. Nil where it is malformed.
  public func dnsName(at start: Int) -> (name: DomainName, end: Int)? {
    guard let (length, end) = dnsNameLength(at: start) else { return nil }
    var wire: [UInt8] = []
    wire.reserveCapacity(length)
    _ = forEachLabel(at: start) { offset, count in
      wire.append(contentsOf: extracting(offset..<offset + count).array)
    } pointer: { _ in
    }
    return (DomainName(validWire: wire), end)
  }

  /// Visits a name's labels with their length octets, the root's last, and the octet after each compression pointer.
  /// False where the name is cut, has a label of a type that does not exist, or goes on for more than 255 octets.
  private func forEachLabel(
    at start: Int, _ label: (_ offset: Int, _ count: Int) -> Void, pointer: (_ end: Int) -> Void
  ) -> Bool {
    var offset = start
    // Each pointer leads to before the part that it stands in.
    var limit = start
    var length = 0
    while offset >= 0, offset < byteCount {
      let octet = unsafeLoad(fromByteOffset: offset, as: UInt8.self)
      switch octet {
      case 0...63:
        let count = 1 + Int(octet)
        length += count
        guard length <= DomainName.maximumLength, offset + count <= byteCount else { return false }
        label(offset, count)
        if octet == 0 { return true }
        offset += count
      case 0xc0...:
        guard offset + 2 <= byteCount else { return false }
        pointer(offset + 2)
        offset = Int(dnsUInt16(at: offset) & 0x3fff)
        guard offset >= dnsHeaderLength, offset < limit else { return false }
        limit = offset
      default: return false
      }
    }
    return false
  }
}
