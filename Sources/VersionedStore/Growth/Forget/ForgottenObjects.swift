import CCrypto
public import GitFormat
import HostSystem

/// What a repository has forgotten and does not take back: names of objects, and digests of people.
///
/// As bytes, in `lares/forgotten`:
///
///     LARES FORGOTTEN 1 sha1\n     or sha256
///     count of digests, count of objects   8 bytes each, most significant first
///     digests                              32 bytes each, in order
///     names of objects                     in order
///     SHA-256 of all that                  32 bytes
///
/// The name of a forgotten object is the hash of its contents: it hides nothing from one who guesses them.
public struct ForgottenObjects: Equatable, Sendable {
  public let format: ObjectFormat
  /// In order, each once.
  public private(set) var ids: [ObjectID]
  private(set) var people: Set<[UInt8]>

  public init(_ format: ObjectFormat) { self.init(format, ids: [], people: []) }

  init(_ format: ObjectFormat, ids: Set<ObjectID>, people: Set<[UInt8]>) {
    self.format = format
    self.ids = ids.sorted()
    self.people = people
  }

  /// Whether nothing was forgotten.
  public var isEmpty: Bool { ids.isEmpty && people.isEmpty }

  public func contains(_ id: ObjectID) -> Bool {
    var (low, high) = (0, ids.count)
    while low < high {
      let middle = (low + high) / 2
      if ids[middle] == id { return true }
      if ids[middle] < id { low = middle + 1 } else { high = middle }
    }
    return false
  }

  /// What either has.
  ///
  /// - Throws: `.otherFormat`.
  public func union(_ other: ForgottenObjects) throws(StoreError) -> ForgottenObjects {
    guard format == other.format else { throw .otherFormat(ours: format, theirs: other.format) }
    return ForgottenObjects(format, ids: Set(ids).union(other.ids), people: people.union(other.people))
  }

  /// What another has not.
  ///
  /// - Throws: `.otherFormat`.
  public func subtracting(_ other: ForgottenObjects) throws(StoreError) -> ForgottenObjects {
    guard format == other.format else { throw .otherFormat(ours: format, theirs: other.format) }
    return ForgottenObjects(
      format, ids: Set(ids).subtracting(other.ids), people: people.subtracting(other.people))
  }

  // MARK: - Bytes

  private static func header(_ format: ObjectFormat) -> [UInt8] {
    Array("LARES FORGOTTEN 1 \(format.rawValue)\n".utf8)
  }

  public var bytes: [UInt8] {
    var bytes = Self.header(format)
    bytes.reserveCapacity(bytes.count + 48 + people.count * PeopleFilter.digestLength + ids.count * format.length)
    for count in [people.count, ids.count] { bytes.appendNumber(UInt64(count)) }
    for digest in people.sorted(by: { $0.lexicographicallyPrecedes($1) }) { bytes += digest }
    for id in ids { id.append(to: &bytes) }
    return bytes + Self.checksum(bytes[...])
  }

  private static func checksum(_ bytes: ArraySlice<UInt8>) -> [UInt8] {
    var digest = [UInt8](repeating: 0, count: Int(SHA256_DIGEST_LENGTH))
    bytes.withUnsafeBytes { bytes in
      _ = SHA256(bytes.bindMemory(to: UInt8.self).baseAddress, bytes.count, &digest)
    }
    return digest
  }

  /// Reads such bytes.
  ///
  /// - Throws: where they are of another format, cut off, changed, or not in order.
  public init(_ bytes: [UInt8], _ format: ObjectFormat) throws(FormatError) {
    func refuse(_ why: String) -> FormatError { FormatError("list of forgotten objects", why) }
    let header = Self.header(format)
    guard bytes.starts(with: header) else { throw refuse("it does not begin as one of \(format.rawValue)") }
    guard bytes.count >= header.count + 48, bytes.suffix(32).elementsEqual(Self.checksum(bytes.dropLast(32))) else {
      throw refuse("it is changed or cut off")
    }
    let counts = [0, 8].map { bytes.number(at: header.count + $0) }
    let room = bytes.count - header.count - 48
    guard counts.allSatisfy({ $0 <= UInt64(room) }),
      Int(counts[0]) * PeopleFilter.digestLength + Int(counts[1]) * format.length == room
    else { throw refuse("its counts are wrong") }
    var position = header.count + 16
    people = []
    for _ in 0..<Int(counts[0]) {
      people.insert(Array(bytes[position..<position + PeopleFilter.digestLength]))
      position += PeopleFilter.digestLength
    }
    ids = []
    ids.reserveCapacity(Int(counts[1]))
    for _ in 0..<Int(counts[1]) {
      let id = ObjectID(format, bytes.span.extracting(position..<position + format.length).bytes)
      guard ids.last.map({ $0 < id }) ?? true else { throw refuse("it is not in order") }
      ids.append(id)
      position += format.length
    }
    self.format = format
  }
}

extension [UInt8] {
  /// Appends a number of 64 bits, most significant byte first.
  mutating func appendNumber(_ value: UInt64) {
    Swift.withUnsafeBytes(of: value.bigEndian) { append(contentsOf: $0) }
  }

  /// - Precondition: eight bytes stand there.
  func number(at offset: Int) -> UInt64 {
    self[offset..<offset + 8].reduce(0) { $0 << 8 | UInt64($1) }
  }
}
