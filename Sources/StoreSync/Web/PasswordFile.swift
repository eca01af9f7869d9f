import GitFormat
import HostSystem
public import VersionedStore
import Wire

/// Who may come in by which password: a line each, `person:ada scrypt 15 8 1 <salt> <key>`, of which the passwords cannot
/// be read. People log in by the name alone, so a name is of one kind.
public struct PasswordFile: Equatable, Sendable {
  /// One principal's password, salted and hashed by scrypt (RFC 7914).
  public struct Entry: Equatable, Sendable {
    public let principal: Principal
    fileprivate var cost: PassphraseCost
    fileprivate var salt: [UInt8]
    fileprivate var key: [UInt8]

    /// Whether it is the password. Takes as long as the cost says, whatever the answer.
    ///
    /// - Throws: `.tooLarge` where there is not enough memory.
    public func accepts(_ password: [UInt8]) throws(StoreError) -> Bool {
      areEqualInConstantTime(try cost.key(of: password, salt: salt), key)
    }
  }

  public private(set) var entries: [Entry] = []

  public init() {}

  /// Reads a file.
  ///
  /// - Throws: `.invalid` with the line that is wrong.
  public init(parsing bytes: [UInt8], file: String = "passwords") throws(StoreError) {
    for (number, line) in bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).enumerated() {
      if line.isEmpty || line.first == UInt8(ascii: "#") { continue }
      guard let entry = Entry(line) else {
        throw .invalid("\(file):\(number + 1): this is no password; set it by lares store password")
      }
      guard self[entry.principal.name] == nil else {
        throw .invalid("\(file):\(number + 1): \(entry.principal.name) has a password already")
      }
      entries.append(entry)
    }
  }

  /// As `init(parsing:)` takes it.
  public var bytes: [UInt8] { entries.flatMap { Array("\($0.line)\n".utf8) } }

  /// The entry of somebody who says to be called so.
  public subscript(name: String) -> Entry? { entries.first { $0.principal.name.utf8.elementsEqual(name.utf8) } }

  /// Gives somebody a password, in place of the one before.
  ///
  /// - Parameter salt: 16 random bytes.
  /// - Throws: `.invalid` for what can be no name, and for a name that somebody of another kind has.
  public mutating func set(
    _ principal: Principal, _ password: [UInt8], salt: [UInt8], cost: PassphraseCost = PassphraseCost()
  ) throws(StoreError) {
    guard Principal.isName(principal.name) else {
      throw .invalid("“\(Text.readable(principal.name.utf8))” is no name: letters, digits, and . _ - @ can be in one")
    }
    if let other = self[principal.name], other.principal != principal {
      throw .invalid("\(other.principal) is called so too; people log in by the name alone")
    }
    guard password.count >= 8 else { throw .invalid("a password has at least 8 characters") }
    remove(principal)
    let key = try cost.key(of: password, salt: salt)
    entries.append(Entry(principal: principal, cost: cost, salt: salt, key: key))
  }

  /// Takes somebody's password away; tells whether there was one.
  @discardableResult
  public mutating func remove(_ principal: Principal) -> Bool {
    let count = entries.count
    entries.removeAll { $0.principal == principal }
    return entries.count < count
  }
}

extension PasswordFile.Entry {
  fileprivate init?(_ line: ArraySlice<UInt8>) {
    let words = line.split(separator: UInt8(ascii: " "), omittingEmptySubsequences: false)
      .map { String(decoding: Array($0), as: UTF8.self) }
    guard words.count == 7, words[1] == "scrypt", let principal = Principal(words[0]),
      let logarithm = UInt8(words[2]), let blockSize = UInt8(words[3]), let parallelism = UInt8(words[4]),
      let salt = Self.bytes(words[5]), let key = Self.bytes(words[6]), salt.count == 16, key.count == 32
    else { return nil }
    var cost = PassphraseCost(logarithm: logarithm)
    (cost.blockSize, cost.parallelism) = (blockSize, parallelism)
    guard cost.isAcceptable else { return nil }
    self.init(principal: principal, cost: cost, salt: salt, key: key)
  }

  fileprivate var line: String {
    "\(principal) scrypt \(cost.logarithm) \(cost.blockSize) \(cost.parallelism) \(Self.hex(salt)) \(Self.hex(key))"
  }

  private static func hex(_ bytes: [UInt8]) -> String {
    bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
  }

  private static func bytes(_ hex: String) -> [UInt8]? {
    let digits = hex.utf8.map(hexadecimalValue(of:))
    guard digits.count % 2 == 0 else { return nil }
    var bytes: [UInt8] = []
    for index in stride(from: 0, to: digits.count, by: 2) {
      guard let high = digits[index], let low = digits[index + 1] else { return nil }
      bytes.append(high << 4 | low)
    }
    return bytes
  }
}

/// Compares without telling, by the time it takes, how much of it is equal.
func areEqualInConstantTime(_ left: [UInt8], _ right: [UInt8]) -> Bool {
  guard left.count == right.count else { return false }
  return zip(left, right).reduce(0) { $0 | ($1.0 ^ $1.1) } == 0
}

extension PasswordFile.Entry {
  /// An entry that no password fits: no hash is all zeros.
  static let nobody = PasswordFile.Entry(
    principal: .person("nobody"), cost: PassphraseCost(), salt: Array(repeating: 0, count: 16),
    key: Array(repeating: 0, count: 32))
}
