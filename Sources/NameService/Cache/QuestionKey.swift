import Wire

/// What distinguishes two answers beside the name: type, the sender's DNSSEC wishes, and its policy group.
struct QuestionTraits: Hashable, Sendable {
  /// Type in the high half; then 8 bits of options, 8 bits of policy group.
  let packed: UInt32

  /// Only the members below are options.
  struct Options: OptionSet, Sendable {
    let rawValue: UInt8
    /// DO: the answer carries signatures.
    static let wantsDNSSEC = Options(rawValue: 1)
    /// CD: the answer may be one that the upstream holds for bogus.
    static let checkingDisabled = Options(rawValue: 2)
  }

  @inline(__always)
  init(type: DNSType, options: Options = [], group: UInt8 = 0) {
    packed = UInt32(type.rawValue) << 16 | UInt32(options.rawValue) << 8 | UInt32(group)
  }

  init(packed: UInt32) { self.packed = packed }

  @inline(__always)
  init(_ query: DNSQuery, group: UInt8) {
    var options: Options = query.wantsDNSSEC ? .wantsDNSSEC : []
    if query.flags.contains(.checkingDisabled) { options.insert(.checkingDisabled) }
    self.init(type: query.type, options: options, group: group)
  }

  var type: DNSType { DNSType(rawValue: UInt16(truncatingIfNeeded: packed >> 16)) }
  var options: Options { Options(rawValue: UInt8(truncatingIfNeeded: packed >> 8)) }
  var group: UInt8 { UInt8(truncatingIfNeeded: packed) }
  /// Asked from an isolated network.
  var isIsolated: Bool { PolicyGroup(rawValue: group).isIsolated }
}

/// Secret numbers of this process: without them nobody can choose names that collide.
struct HashSecret: Sendable, Equatable {
  let start: UInt64
  let factor: UInt64
  let finish: UInt64

  init(using generator: inout some RandomNumberGenerator) {
    start = generator.next()
    factor = generator.next() | 1
    finish = generator.next()
  }
}

/// A question in the form in which the cache looks it up: the name in lower case, in whole words padded with zeros,
/// its traits, and the keyed hash of both. One per thread, filled anew for each question.
struct QuestionKey: ~Copyable {
  /// Words that the longest name takes.
  static let capacity = 32

  let words: UnsafeMutablePointer<UInt64>
  private let secret: HashSecret
  /// Octets of the name.
  private(set) var nameLength = 0
  private(set) var wordCount = 0
  private(set) var traits = QuestionTraits(packed: 0)
  private(set) var hash: UInt64 = 0

  init(secret: HashSecret) {
    self.secret = secret
    words = .allocate(capacity: Self.capacity)
    words.initialize(repeating: 0, count: Self.capacity)
  }

  deinit { words.deallocate() }

  /// The name in lower case.
  var name: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: words, count: nameLength) }

  /// Takes a name of `length` octets, 1 to 255, at `name`, from which 7 octets more may be read.
  @inline(__always)
  mutating func fill(name: UnsafeRawPointer, length: Int, traits: QuestionTraits) {
    let count = (length + 7) >> 3
    var state = secret.start ^ (UInt64(traits.packed) << 8 | UInt64(length))
    for index in 0..<count {
      var word = name.loadUnaligned(fromByteOffset: index << 3, as: UInt64.self)
      if index == count - 1 {
        let surplus = UInt64(count << 3 - length) << 3
        word = (word << surplus) >> surplus
      }
      word = lowercased(word)
      words[index] = word
      state = Self.fold(state ^ word, secret.factor)
    }
    nameLength = length
    wordCount = count
    self.traits = traits
    hash = Self.fold(state ^ secret.finish, secret.factor)
  }

  /// The middle of the 128-bit product mixed with its ends: every bit of both operands reaches every bit.
  @inline(__always)
  private static func fold(_ a: UInt64, _ b: UInt64) -> UInt64 {
    let product = a.multipliedFullWidth(by: b)
    return product.high ^ product.low
  }

  /// Eight octets at once: ASCII letters in lower case. Length octets are at most 63 and so no letters.
  @inline(__always)
  private func lowercased(_ word: UInt64) -> UInt64 {
    let ones: UInt64 = 0x0101_0101_0101_0101
    let low = word & (ones &* 0x7f)
    let fromA = low &+ ones &* (0x80 - 0x41)
    let beyondZ = low &+ ones &* (0x7f - 0x5a)
    let isLetter = (fromA ^ beyondZ) & ~word & (ones &* 0x80)
    return word | isLetter >> 2
  }
}
