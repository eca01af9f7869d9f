/// A query as it came, read in one pass: where its question is, and what its sender can take.
///
/// The question's name stands at offset 12 of the message, uncompressed, `nameLength` octets long.
public struct DNSQuery: Sendable, Equatable {
  /// Why a message is not a query that can be served.
  public enum Failure: Error, Sendable {
    /// Too short for a header, or itself a response: to be dropped, never answered.
    case notAQuery
    /// FORMERR.
    case malformed
    /// NOTIMP: an OPCODE other than QUERY.
    case notImplemented
  }

  public var identifier: UInt16
  public var flags: DNSFlags
  /// Octets of the name, the root's label included: 1 to 255.
  public var nameLength: Int
  public var type: DNSType
  public var recordClass: UInt16
  /// Whether there was an OPT record (RFC 6891).
  public var hasEDNS: Bool
  /// The sender's UDP payload size, at least 512.
  public var payloadSize: Int
  /// EDNS version; only 0 is served.
  public var ednsVersion: UInt8
  /// DO (RFC 3225).
  public var wantsDNSSEC: Bool

  /// The first octet after the question.
  @inlinable public var questionEnd: Int { dnsHeaderLength + nameLength + 4 }

  /// Reads one message. Checks everything that is used; octets after the last counted record are ignored.
  @inlinable
  public init(reading bytes: RawSpan) throws(Failure) {
    guard bytes.byteCount >= dnsHeaderLength else { throw .notAQuery }
    identifier = bytes.dnsUInt16(at: 0)
    flags = DNSFlags(rawValue: bytes.dnsUInt16(at: 2))
    guard !flags.contains(.response) else { throw .notAQuery }
    guard flags.operation == 0 else { throw .notImplemented }
    let counts = bytes.unsafeLoadUnaligned(fromByteOffset: 4, as: UInt64.self).bigEndian
    // One question, no answer, no authority.
    guard counts >> 16 == 0x0001_0000_0000 else { throw .malformed }

    var offset = dnsHeaderLength
    while true {
      guard offset < bytes.byteCount else { throw .malformed }
      let length = Int(bytes.unsafeLoad(fromByteOffset: offset, as: UInt8.self))
      offset += 1 + length
      if length == 0 { break }
      guard length <= 63 else { throw .malformed }
    }
    nameLength = offset - dnsHeaderLength
    guard nameLength <= DomainName.maximumLength, offset + 4 <= bytes.byteCount else { throw .malformed }
    type = DNSType(rawValue: bytes.dnsUInt16(at: offset))
    recordClass = bytes.dnsUInt16(at: offset + 2)

    hasEDNS = false
    payloadSize = 512
    ednsVersion = 0
    wantsDNSSEC = false
    let additional = Int(counts & 0xffff)
    if additional > 0 { try readAdditional(additional, in: bytes, from: offset + 4) }
  }

  /// Steps over the additional records; an OPT record may stand once (RFC 6891 section 6.1.1).
  @inlinable
  mutating func readAdditional(_ count: Int, in bytes: RawSpan, from start: Int) throws(Failure) {
    var offset = start
    for _ in 0..<count {
      let isRoot = offset < bytes.byteCount && bytes.unsafeLoad(fromByteOffset: offset, as: UInt8.self) == 0
      guard let nameEnd = bytes.dnsNameEnd(at: offset), nameEnd + 10 <= bytes.byteCount else { throw .malformed }
      let end = nameEnd + 10 + Int(bytes.dnsUInt16(at: nameEnd + 8))
      guard end <= bytes.byteCount else { throw .malformed }
      if bytes.dnsUInt16(at: nameEnd) == DNSType.opt.rawValue {
        guard isRoot, !hasEDNS else { throw .malformed }
        hasEDNS = true
        payloadSize = max(512, Int(bytes.dnsUInt16(at: nameEnd + 2)))
        ednsVersion = bytes.unsafeLoad(fromByteOffset: nameEnd + 5, as: UInt8.self)
        wantsDNSSEC = bytes.dnsUInt16(at: nameEnd + 6) & 0x8000 != 0
      }
      offset = end
    }
  }
}

extension RawSpan {
  /// The 16-bit number at an offset that is known to be inside.
  @inlinable
  func dnsUInt16(at offset: Int) -> UInt16 {
    unsafeLoadUnaligned(fromByteOffset: offset, as: UInt16.self).bigEndian
  }

  /// The offset after a name that may end in a compression pointer, which is not followed; nil where it is cut.
  @inlinable
  func dnsNameEnd(at start: Int) -> Int? {
    var offset = start
    while offset < byteCount {
      let length = unsafeLoad(fromByteOffset: offset, as: UInt8.self)
      switch length {
      case 0: return offset + 1
      case 1...63: offset += 1 + Int(length)
      case 0xc0...: return offset + 2 <= byteCount ? offset + 2 : nil
      default: return nil
      }
    }
    return nil
  }
}
