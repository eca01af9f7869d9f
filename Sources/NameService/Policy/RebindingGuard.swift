public import Household
public import Wire

/// Protection against DNS rebinding: a name on the Internet must not lead to an address inside the house.
///
/// Immutable and Sendable. Asked once per upstream answer, never for answers from the cache.
public struct RebindingGuard: Sendable {
  private let exempt: SuffixTable

  /// Exempts `rebindingAllowed` and the forward zones, each with everything below it.
  public init(_ settings: NameSettings, key: NameHashKey) {
    var builder = SuffixTableBuilder(key: key)
    for name in settings.rebindingAllowed + settings.forwardZones.map(\.domain) {
      name.canonical.wire.withUnsafeBytes { builder.add($0, marks: .allow) }
    }
    exempt = builder.build()
    isEverythingExempt =
      settings.rebindingAllowed.contains(.root) || settings.forwardZones.contains { $0.domain == .root }
  }

  private let isEverythingExempt: Bool

  /// True where answers for this question may carry any address.
  ///
  /// - Parameter question: the name that was asked, in lower case on the wire; not the target of an alias.
  public func isExempt(_ question: UnsafeRawBufferPointer) -> Bool {
    if isEverythingExempt { return true }
    var found = false
    forEachSuffix(of: question, key: exempt.view.key) { hash, _ in
      found = exempt.view.find(hash) != nil
      return !found
    }
    return found
  }

  /// The first local address in a record's data, or nil: A, AAAA, and the hints of SVCB and HTTPS (RFC 9460 section 7.3).
  ///
  /// Data that is malformed has none; the message's checks are elsewhere.
  public static func localAddress(inRecordOf type: DNSType, data: RawSpan) -> IPAddress? {
    var reader = ByteReader(data)
    switch type {
    case .a: return firstLocal(v4: &reader)
    case .aaaa: return firstLocal(v6: &reader)
    case .svcb, .https: return localHint(&reader)
    default: return nil
    }
  }

  private static func localHint(_ reader: inout ByteReader) -> IPAddress? {
    guard reader.skip(2) else { return nil }
    // TargetName, never compressed.
    while let length = reader.readUInt8(), length > 0 {
      guard reader.skip(Int(length)) else { return nil }
    }
    while let key = reader.readUInt16(), let length = reader.readUInt16(), let value = reader.readBytes(Int(length)) {
      var value = ByteReader(value)
      switch key {
      case 4: if let found = firstLocal(v4: &value) { return found }
      case 6: if let found = firstLocal(v6: &value) { return found }
      default: break
      }
    }
    return nil
  }

  private static func firstLocal(v4 reader: inout ByteReader) -> IPAddress? {
    while let address = reader.readIPv4Address() {
      if address.isLocalScope { return .v4(address) }
    }
    return nil
  }

  private static func firstLocal(v6 reader: inout ByteReader) -> IPAddress? {
    while let address = reader.readIPv6Address() {
      if address.isLocalScope { return .v6(address) }
    }
    return nil
  }
}
