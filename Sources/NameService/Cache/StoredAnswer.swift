import Wire

/// The records of an answer in the order of the message's sections, as they stand after the question.
struct AnswerRecords: Equatable, Sendable {
  /// QR, AA, RA, AD and the response code.
  var flags: DNSFlags
  var answerCount: UInt16 = 0
  var authorityCount: UInt16 = 0
  var additionalCount: UInt16 = 0
  /// Compression pointers inside count from the start of a message with this question. At most `maximumBody` octets, or
  /// SERVFAIL is written in its place.
  var body: [UInt8] = []
  /// Where in `body` the TTL of each record is.
  var ttlOffsets: [UInt16] = []
  var extendedError: DNSExtendedError?
  /// EXTRA-TEXT of the error for people (RFC 8914 section 2), UTF-8, at most 200 octets; only with an error.
  var extendedText: [UInt8] = []

  /// Octets of records that fit a message beside the longest question and the longest OPT record.
  static let maximumBody = 65_000

  /// Itself where it fits a message, else SERVFAIL.
  var bounded: AnswerRecords { body.count <= Self.maximumBody ? self : .tooLong }

  static let tooLong = failure(.other, "the answer is too long for a message")

  var code: DNSResponseCode { DNSResponseCode(rawValue: flags.code) }
}

/// An answer with the time it holds, in seconds of the cache's clock.
struct StoredAnswer: Equatable, Sendable {
  var records: AnswerRecords
  var origin: CacheEntry.Origin
  var stored: UInt32
  var expires: UInt32
  /// The generation of zone and policy that it was made or checked under.
  var generation: UInt32
}

extension DNSExtendedError {
  /// What no other code says (RFC 8914 section 4.1).
  static let other = DNSExtendedError(rawValue: 0)
}
