/// The type of a record or question (RFC 1035 section 3.2.2 and the IANA registry).
public struct DNSType: RawRepresentable, Hashable, Sendable {
  public let rawValue: UInt16
  @inlinable public init(rawValue: UInt16) { self.rawValue = rawValue }

  public static let a = DNSType(rawValue: 1)
  public static let ns = DNSType(rawValue: 2)
  public static let cname = DNSType(rawValue: 5)
  public static let soa = DNSType(rawValue: 6)
  public static let ptr = DNSType(rawValue: 12)
  /// RFC 8482 answers ANY with this type.
  public static let hinfo = DNSType(rawValue: 13)
  public static let mx = DNSType(rawValue: 15)
  public static let txt = DNSType(rawValue: 16)
  public static let aaaa = DNSType(rawValue: 28)
  public static let srv = DNSType(rawValue: 33)
  /// RFC 6672.
  public static let dname = DNSType(rawValue: 39)
  /// The pseudo-record of EDNS (RFC 6891).
  public static let opt = DNSType(rawValue: 41)
  public static let ds = DNSType(rawValue: 43)
  public static let rrsig = DNSType(rawValue: 46)
  /// Service bindings (RFC 9460).
  public static let svcb = DNSType(rawValue: 64)
  public static let https = DNSType(rawValue: 65)
  /// Signature of a message by a shared key (RFC 8945).
  public static let tsig = DNSType(rawValue: 250)
  public static let axfr = DNSType(rawValue: 252)
  public static let any = DNSType(rawValue: 255)

  /// Types that ask for something other than records of a name (RFC 6895 section 3.1): transfers, signatures, OPT.
  public var isMeta: Bool { self == .opt || rawValue >= 128 && rawValue <= 255 && self != .any }
}

/// The class of ordinary names (RFC 1035 section 3.2.4).
public let dnsClassInternet: UInt16 = 1

/// RCODE: the header's four bits (RFC 1035 section 4.1.1), or twelve with EDNS.
public struct DNSResponseCode: RawRepresentable, Hashable, Sendable {
  public let rawValue: UInt16
  @inlinable public init(rawValue: UInt16) { self.rawValue = rawValue }

  public static let noError = DNSResponseCode(rawValue: 0)
  public static let formatError = DNSResponseCode(rawValue: 1)
  public static let serverFailure = DNSResponseCode(rawValue: 2)
  public static let nameError = DNSResponseCode(rawValue: 3)
  public static let notImplemented = DNSResponseCode(rawValue: 4)
  public static let refused = DNSResponseCode(rawValue: 5)
  /// BADVERS: an EDNS version that the server does not know (RFC 6891 section 9).
  public static let badVersion = DNSResponseCode(rawValue: 16)
}

/// INFO-CODE of an Extended DNS Error (RFC 8914 section 4).
public struct DNSExtendedError: RawRepresentable, Hashable, Sendable {
  public let rawValue: UInt16
  @inlinable public init(rawValue: UInt16) { self.rawValue = rawValue }

  public static let staleAnswer = DNSExtendedError(rawValue: 3)
  public static let forgedAnswer = DNSExtendedError(rawValue: 4)
  public static let cachedError = DNSExtendedError(rawValue: 13)
  public static let blocked = DNSExtendedError(rawValue: 15)
  public static let censored = DNSExtendedError(rawValue: 16)
  public static let filtered = DNSExtendedError(rawValue: 17)
  public static let prohibited = DNSExtendedError(rawValue: 18)
  public static let staleNameError = DNSExtendedError(rawValue: 19)
  public static let notSupported = DNSExtendedError(rawValue: 21)
  public static let noReachableAuthority = DNSExtendedError(rawValue: 22)
  public static let networkError = DNSExtendedError(rawValue: 23)
}

/// The second 16 bits of a message's header (RFC 1035 section 4.1.1, RFC 4035 section 3.1.6).
public struct DNSFlags: OptionSet, Sendable {
  public let rawValue: UInt16
  @inlinable public init(rawValue: UInt16) { self.rawValue = rawValue }

  public static let response = DNSFlags(rawValue: 0x8000)
  public static let authoritative = DNSFlags(rawValue: 0x0400)
  public static let truncated = DNSFlags(rawValue: 0x0200)
  public static let recursionDesired = DNSFlags(rawValue: 0x0100)
  public static let recursionAvailable = DNSFlags(rawValue: 0x0080)
  public static let authenticData = DNSFlags(rawValue: 0x0020)
  public static let checkingDisabled = DNSFlags(rawValue: 0x0010)

  /// OPCODE, 0 to 15; 0 is a standard query.
  @inlinable public var operation: UInt16 { rawValue >> 11 & 15 }
  /// The low four bits of the response code.
  @inlinable public var code: UInt16 { rawValue & 15 }
}

/// Octets of a message's header.
public let dnsHeaderLength = 12
