import CLdns
import Glibc
import Wire

/// One record of the zone: class IN, its data uncompressed as it stands in an answer.
struct ZoneRecord: Sendable, Equatable {
  /// In lower case.
  var owner: DomainName
  var type: DNSType
  /// Seconds.
  var ttl: UInt32
  var data: [UInt8]

  /// Lifetime of what the zone knows by itself. Short, because devices come and go.
  static let ownTTL: UInt32 = 60
  /// Lifetime of configured records that name none.
  static let configuredTTL: UInt32 = 300

  init(owner: DomainName, type: DNSType, ttl: UInt32 = ownTTL, data: [UInt8]) {
    self.owner = owner
    self.type = type
    self.ttl = ttl
    self.data = data
  }

  /// A or AAAA.
  init(owner: DomainName, address: IPAddress) {
    var writer = ByteWriter(capacity: 16)
    switch address {
    case .v4(let address): writer.write(address)
    case .v6(let address): writer.write(address)
    }
    self.init(
      owner: owner, type: address.family == .v4 ? .a : .aaaa, data: writer.bytes)
  }

  /// The address of an A or AAAA record.
  var address: IPAddress? {
    var reader = ByteReader(data.span.bytes)
    switch type {
    case .a: return reader.readIPv4Address().map { .v4($0) }
    case .aaaa: return reader.readIPv6Address().map { .v6($0) }
    default: return nil
    }
  }
}

extension ZoneRecord {
  /// Reads presentation format (RFC 1035 section 5.1) with libldns. Relative names are below `domain`.
  init(configured text: String, in domain: DomainName) throws(ZoneError) {
    guard text.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7f || $0 == 0x09 }), text.utf8.count <= 65_535 else {
      throw ZoneError(record: text, problem: "a record is one line of printable characters")
    }
    guard let first = text.utf8.first, !isBlank(first), first != UInt8(ascii: ";") else {
      throw ZoneError(record: text, problem: "the record does not begin with a name")
    }
    let parsed = try ParsedRecord(text, origin: domain)
    let wire = try parsed.wire(for: text)
    guard let record = ZoneRecord(wire: wire) else {
      throw ZoneError(record: text, problem: "the record is not of class IN")
    }
    guard record.owner.isWithin(domain) else {
      throw ZoneError(record: text, problem: "\(record.owner) is not within \(domain)")
    }
    if let problem = Self.problem(withType: record.type) { throw ZoneError(record: text, problem: problem) }
    self = record
  }

  /// Takes an uncompressed record as it stands in a message; nil for other classes than IN.
  private init?(wire: [UInt8]) {
    var reader = ByteReader(wire.span.bytes)
    var length = 0
    while let label = reader.readUInt8() {
      length += 1 + Int(label)
      if label == 0 { break }
      guard reader.skip(Int(label)) else { return nil }
    }
    guard let owner = DomainName(wire: wire.prefix(length)), let type = reader.readUInt16(),
      reader.readUInt16() == 1, let ttl = reader.readUInt32(), let count = reader.readUInt16(),
      let data = reader.readBytes(Int(count)), reader.remaining == 0
    else { return nil }
    // TTLs have 31 bits (RFC 2181 section 8).
    self.init(owner: owner.canonical, type: DNSType(rawValue: type), ttl: min(ttl, 0x7fff_ffff), data: data.array)
  }

  /// DS RRSIG NSEC DNSKEY NSEC3 NSEC3PARAM CDS CDNSKEY.
  private static let dnssecTypes: Set<UInt16> = [43, 46, 47, 48, 50, 51, 59, 60]

  private static func problem(withType type: DNSType) -> String? {
    switch type {
    case .soa: "the zone makes its own SOA record"
    case .ns: "the zone has no delegations; a domain with servers of its own is a forward zone"
    case .dname: "DNAME is not supported"
    case _ where type.isMeta || type == .any || type.rawValue == 0: "this type is no data"
    case _ where dnssecTypes.contains(type.rawValue): "DNSSEC records come from signing"
    default: nil
    }
  }
}

/// An `ldns_rr`, freed with its owner.
private struct ParsedRecord: ~Copyable {
  private let pointer: OpaqueLdnsRecord

  init(_ text: String, origin: DomainName) throws(ZoneError) {
    var record: OpaqueLdnsRecord?
    let base = ldns_dname_new_frm_str(origin.description + ".")
    defer { ldns_rdf_deep_free(base) }
    let status = ldns_rr_new_frm_str(&record, text, ZoneRecord.configuredTTL, base, nil)
    guard status == LDNS_STATUS_OK, let record else {
      let reason = ldns_get_errorstr_by_id(status).map { String(cString: $0) } ?? "not a record"
      throw ZoneError(record: text, problem: reason)
    }
    pointer = record
  }

  deinit { ldns_rr_free(pointer) }

  /// The record as it stands in a message, uncompressed.
  borrowing func wire(for text: String) throws(ZoneError) -> [UInt8] {
    var bytes: UnsafeMutablePointer<UInt8>?
    var count = 0
    let status = ldns_rr2wire(&bytes, pointer, Int32(LDNS_SECTION_ANSWER.rawValue), &count)
    defer { free(bytes) }
    guard status == LDNS_STATUS_OK, let bytes else {
      throw ZoneError(record: text, problem: "the record's data does not fit a message")
    }
    return Array(UnsafeBufferPointer(start: bytes, count: count))
  }
}

private typealias OpaqueLdnsRecord = UnsafeMutablePointer<ldns_rr>
