public import Wire

/// What the household's zone answers: whole sections, ready to be copied behind the question.
///
/// The sections hold for a message whose question stands, uncompressed, at offset 12: the first owner is a pointer to it (`c0 0c`), all other names
/// are written in full. The bytes belong to the snapshot and live as long as it.
public struct ZoneAnswer: @unchecked Sendable {
  /// No error, SERVFAIL (an alias that goes round in circles), or NXDOMAIN.
  public var responseCode: DNSResponseCode
  public var answerCount: UInt16
  public var authorityCount: UInt16
  /// The answer section's records.
  public var answers: UnsafeRawBufferPointer
  /// The authority section's records: SOA where something does not exist.
  public var authority: UnsafeRawBufferPointer
  /// Where an alias leaves the zone: the name, on the wire, at which the answer goes on. Empty otherwise.
  public var alias: UnsafeRawBufferPointer
}
