import Wire

/// The smallest question that every name server can answer: the name servers of the root (RFC 1035 section 4.1). Pure.
///
/// It names nobody and nothing of the household.
struct NameServerQuery: Sendable, Equatable {
  /// RFC 1035 section 4.1.1.
  struct ResponseCode: RawRepresentable, Sendable, Equatable {
    var rawValue: UInt8
    static let noError = ResponseCode(rawValue: 0)
    static let serverFailure = ResponseCode(rawValue: 2)
  }

  let identifier: UInt16

  /// Root name, type NS, class IN.
  private static let question: [UInt8] = [0, 0, 2, 0, 1]

  /// The datagram: recursion desired, one question.
  var bytes: [UInt8] {
    var writer = ByteWriter(capacity: 17)
    writer.write(identifier)
    writer.write(0x0100 as UInt16)
    writer.write(1 as UInt16)
    writer.pad(6)
    writer.write(contentsOf: Self.question)
    return writer.bytes
  }

  /// The response code of an answer to this question; nil for anything else.
  func responseCode(of answer: RawSpan) -> ResponseCode? {
    var reader = ByteReader(answer)
    guard reader.readUInt16() == identifier, let flags = reader.readUInt16(), flags & 0xf800 == 0x8000,
      reader.readUInt16() == 1, reader.skip(6), let question = reader.readBytes(Self.question.count),
      question.array == Self.question
    else { return nil }
    return ResponseCode(rawValue: UInt8(flags & 0x000f))
  }
}
