import Wire

/// One answer in the cache: a fixed head, the name in whole words, the offsets of the TTLs, and the records as they
/// stand on the wire after the question. A view of memory that the cache owns; valid until its next insertion.
///
/// The question's name has the same length in every message that asks it, so compression pointers inside the
/// records hold in every answer, and answers need only the sender's own question in front.
struct CacheEntry {
  let base: UnsafeMutableRawPointer

  private enum Field {
    static let hash = 0
    static let size = 8
    static let generation = 12
    static let stored = 16
    static let expires = 20
    static let traits = 24
    static let nameLength = 28
    static let bodyLength = 30
    static let counts = 32
    static let flags = 38
    static let ttlCount = 40
    static let extendedError = 42
    static let isUsed = 44
    static let origin = 45
    static let textLength = 46
    static let end = 48
  }

  /// Where an answer came from.
  enum Origin: UInt8 {
    /// The household's own data or policy: holds for one generation of them.
    case local = 0
    case upstream = 1
    /// A failure, kept for seconds so that nobody hammers a dead server (RFC 9520).
    case failure = 2
  }

  /// Octets that an entry takes, a multiple of 16.
  static func size(of records: AnswerRecords, wordCount: Int) -> Int {
    let variable = records.ttlOffsets.count << 1 + records.body.count + records.extendedText.count
    return (Field.end + wordCount << 3 + variable + 15) & ~15
  }

  @inline(__always) var hash: UInt64 { base.load(fromByteOffset: Field.hash, as: UInt64.self) }
  @inline(__always) var size: Int { Int(base.load(fromByteOffset: Field.size, as: UInt32.self)) }
  /// The generation of zone and policy that the entry was last checked against.
  @inline(__always) var generation: UInt32 {
    get { base.load(fromByteOffset: Field.generation, as: UInt32.self) }
    nonmutating set { base.storeBytes(of: newValue, toByteOffset: Field.generation, as: UInt32.self) }
  }
  /// Seconds of the cache's clock.
  @inline(__always) var stored: UInt32 { base.load(fromByteOffset: Field.stored, as: UInt32.self) }
  @inline(__always) var expires: UInt32 { base.load(fromByteOffset: Field.expires, as: UInt32.self) }
  @inline(__always) var traits: QuestionTraits {
    QuestionTraits(packed: base.load(fromByteOffset: Field.traits, as: UInt32.self))
  }
  @inline(__always) var nameLength: Int { Int(base.load(fromByteOffset: Field.nameLength, as: UInt16.self)) }
  @inline(__always) var bodyLength: Int { Int(base.load(fromByteOffset: Field.bodyLength, as: UInt16.self)) }
  @inline(__always) var flags: DNSFlags {
    DNSFlags(rawValue: base.load(fromByteOffset: Field.flags, as: UInt16.self))
  }
  @inline(__always) var ttlCount: Int { Int(base.load(fromByteOffset: Field.ttlCount, as: UInt16.self)) }
  /// RFC 8914; nil: none.
  @inline(__always) var extendedError: DNSExtendedError? {
    let code = base.load(fromByteOffset: Field.extendedError, as: UInt16.self)
    return code == .max ? nil : DNSExtendedError(rawValue: code)
  }
  @inline(__always) var isBlocked: Bool {
    base.load(fromByteOffset: Field.extendedError, as: UInt16.self) == DNSExtendedError.blocked.rawValue
  }
  var origin: Origin { Origin(rawValue: base.load(fromByteOffset: Field.origin, as: UInt8.self)) ?? .failure }

  /// Whether somebody asked for it since the evicting hand last came by.
  @inline(__always) var isUsed: Bool {
    get { base.load(fromByteOffset: Field.isUsed, as: UInt8.self) != 0 }
    nonmutating set { base.storeBytes(of: newValue ? 1 : 0, toByteOffset: Field.isUsed, as: UInt8.self) }
  }

  /// Numbers of answer, authority and additional records (without OPT).
  var counts: (answer: UInt16, authority: UInt16, additional: UInt16) {
    (
      base.load(fromByteOffset: Field.counts, as: UInt16.self),
      base.load(fromByteOffset: Field.counts + 2, as: UInt16.self),
      base.load(fromByteOffset: Field.counts + 4, as: UInt16.self)
    )
  }

  @inline(__always) private var wordCount: Int { (nameLength + 7) >> 3 }
  var name: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: base + Field.end, count: nameLength) }
  @inline(__always) private var ttlOffsets: UnsafeMutableRawPointer { base + Field.end + wordCount << 3 }
  @inline(__always) private var bodyStart: UnsafeMutableRawPointer { ttlOffsets + ttlCount << 1 }
  @inline(__always) private var textLength: Int { Int(base.load(fromByteOffset: Field.textLength, as: UInt8.self)) }
  /// EXTRA-TEXT of the extended error.
  private var text: UnsafeRawBufferPointer {
    UnsafeRawBufferPointer(start: bodyStart + bodyLength, count: textLength)
  }
  /// The records.
  var body: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: bodyStart, count: bodyLength) }

  @inline(__always)
  func matches(_ key: borrowing QuestionKey) -> Bool {
    guard hash == key.hash, traits == key.traits, nameLength == key.nameLength else { return false }
    let own = (base + Field.end).assumingMemoryBound(to: UInt64.self)
    var difference: UInt64 = 0
    for index in 0..<key.wordCount { difference |= own[index] ^ key.words[index] }
    return difference == 0
  }

  /// Fills fresh memory of the right size.
  func write(_ answer: borrowing StoredAnswer, key: borrowing QuestionKey, size: Int) {
    base.storeBytes(of: key.hash, toByteOffset: Field.hash, as: UInt64.self)
    base.storeBytes(of: UInt32(size), toByteOffset: Field.size, as: UInt32.self)
    base.storeBytes(of: answer.generation, toByteOffset: Field.generation, as: UInt32.self)
    base.storeBytes(of: answer.stored, toByteOffset: Field.stored, as: UInt32.self)
    base.storeBytes(of: answer.expires, toByteOffset: Field.expires, as: UInt32.self)
    base.storeBytes(of: key.traits.packed, toByteOffset: Field.traits, as: UInt32.self)
    base.storeBytes(of: UInt16(key.nameLength), toByteOffset: Field.nameLength, as: UInt16.self)
    base.storeBytes(of: UInt16(answer.records.body.count), toByteOffset: Field.bodyLength, as: UInt16.self)
    base.storeBytes(of: answer.records.answerCount, toByteOffset: Field.counts, as: UInt16.self)
    base.storeBytes(of: answer.records.authorityCount, toByteOffset: Field.counts + 2, as: UInt16.self)
    base.storeBytes(of: answer.records.additionalCount, toByteOffset: Field.counts + 4, as: UInt16.self)
    base.storeBytes(of: answer.records.flags.rawValue, toByteOffset: Field.flags, as: UInt16.self)
    base.storeBytes(of: UInt16(answer.records.ttlOffsets.count), toByteOffset: Field.ttlCount, as: UInt16.self)
    base.storeBytes(
      of: answer.records.extendedError?.rawValue ?? .max, toByteOffset: Field.extendedError, as: UInt16.self)
    base.storeBytes(of: 0, toByteOffset: Field.isUsed, as: UInt8.self)
    base.storeBytes(of: answer.origin.rawValue, toByteOffset: Field.origin, as: UInt8.self)
    base.storeBytes(
      of: UInt8(truncatingIfNeeded: answer.records.extendedText.count), toByteOffset: Field.textLength, as: UInt8.self)
    (base + Field.end).copyMemory(from: key.words, byteCount: key.wordCount << 3)
    answer.records.ttlOffsets.withUnsafeBytes { offsets in
      if let start = offsets.baseAddress { ttlOffsets.copyMemory(from: start, byteCount: offsets.count) }
    }
    answer.records.body.withUnsafeBytes { records in
      if let start = records.baseAddress { bodyStart.copyMemory(from: start, byteCount: records.count) }
    }
    answer.records.extendedText.withUnsafeBytes { text in
      if let start = text.baseAddress {
        (bodyStart + bodyLength).copyMemory(from: start, byteCount: min(text.count, textLength))
      }
    }
  }

  /// The entry as a value of its own.
  var answer: StoredAnswer {
    StoredAnswer(
      records: AnswerRecords(
        flags: flags, answerCount: counts.answer, authorityCount: counts.authority,
        additionalCount: counts.additional, body: Array(body),
        ttlOffsets: (0..<ttlCount).map { ttlOffsets.loadUnaligned(fromByteOffset: $0 << 1, as: UInt16.self) },
        extendedError: extendedError, extendedText: Array(text)),
      origin: origin, stored: stored, expires: expires, generation: generation)
  }

  /// How an answer is to be written for one asker.
  struct Terms {
    /// Octets that the asker takes.
    var limit: Int
    /// Seconds of the cache's clock.
    var now: UInt32
    /// Set for an answer past its time: the TTL that all records get, and RFC 8767's error code.
    var staleTTL: UInt32?
  }

  /// Writes the whole answer to the query that stands at `question`, and returns its length.
  ///
  /// `into` has room for `terms.limit` octets, at least 512, and may be where the query stands. Where the records do not fit, the answer is
  /// truncated to its question (RFC 2181 section 9).
  @inline(__always)
  func write(
    into out: UnsafeMutableRawPointer, question: UnsafeRawPointer, query: DNSQuery, terms: Terms
  ) -> Int {
    let error = terms.staleTTL == nil ? extendedError : staleError
    let questionEnd = query.questionEnd
    let optionsLength = !query.hasEDNS ? 0 : error == nil ? 11 : 17 + textLength
    let length = questionEnd + bodyLength + optionsLength
    let fits = length <= terms.limit

    var flags = flags.rawValue | query.flags.rawValue & Self.echoedFlags
    if !query.wantsDNSSEC, !query.flags.contains(.authenticData) { flags &= ~DNSFlags.authenticData.rawValue }
    if !fits { flags |= DNSFlags.truncated.rawValue }
    out.storeBytes(of: query.identifier.bigEndian, as: UInt16.self)
    out.storeBytes(of: flags.bigEndian, toByteOffset: 2, as: UInt16.self)
    (out + 4).storeBytes(of: UInt16(1).bigEndian, as: UInt16.self)
    let counts = fits ? counts : (0, 0, 0)
    (out + 6).storeBytes(of: counts.0.bigEndian, as: UInt16.self)
    (out + 8).storeBytes(of: counts.1.bigEndian, as: UInt16.self)
    (out + 10).storeBytes(of: (counts.2 + (query.hasEDNS ? 1 : 0)).bigEndian, as: UInt16.self)
    if out != question {
      (out + dnsHeaderLength).copyMemory(
        from: question + dnsHeaderLength, byteCount: questionEnd - dnsHeaderLength)
    }

    var end = questionEnd
    if fits {
      (out + end).copyMemory(from: bodyStart, byteCount: bodyLength)
      age(out + end, terms: terms)
      end += bodyLength
    }
    if query.hasEDNS {
      let text = end + optionsLength <= terms.limit ? text : UnsafeRawBufferPointer(start: nil, count: 0)
      end += writeDNSOptions(at: out + end, wantsDNSSEC: query.wantsDNSSEC, error: error, text: text)
    }
    return end
  }

  /// RD and CD come back as they were asked.
  private static var echoedFlags: UInt16 {
    DNSFlags.recursionDesired.rawValue | DNSFlags.checkingDisabled.rawValue
  }

  private var staleError: DNSExtendedError {
    flags.code == DNSResponseCode.nameError.rawValue ? .staleNameError : .staleAnswer
  }

  /// Takes the seconds since the answer was stored off every TTL, or sets them all where the answer is stale.
  @inline(__always)
  private func age(_ records: UnsafeMutableRawPointer, terms: Terms) {
    let elapsed = terms.now &- stored
    guard elapsed > 0, origin != .local else { return }
    for index in 0..<ttlCount {
      let offset = Int(ttlOffsets.loadUnaligned(fromByteOffset: index << 1, as: UInt16.self))
      let field = records + offset
      let ttl = field.loadUnaligned(as: UInt32.self).bigEndian
      let left = terms.staleTTL ?? (ttl > elapsed ? ttl - elapsed : 0)
      field.storeBytes(of: left.bigEndian, as: UInt32.self)
    }
  }
}

/// Octets that a UDP answer has at most, whatever its asker takes: no fragment on any ordinary path (RFC 9715).
let udpAnswerLimit = 1232

/// Writes an OPT record (RFC 6891), with an extended error where there is one, and returns its length: 11, or 17 and the text.
@inline(__always)
func writeDNSOptions(
  at out: UnsafeMutableRawPointer, wantsDNSSEC: Bool, error: DNSExtendedError?,
  text: UnsafeRawBufferPointer = UnsafeRawBufferPointer(start: nil, count: 0), extendedCode: UInt8 = 0
) -> Int {
  out.storeBytes(of: 0, as: UInt8.self)
  (out + 1).storeBytes(of: DNSType.opt.rawValue.bigEndian, as: UInt16.self)
  (out + 3).storeBytes(of: UInt16(udpAnswerLimit).bigEndian, as: UInt16.self)
  let fields = UInt32(extendedCode) << 24 | (wantsDNSSEC ? 0x8000 : 0)
  (out + 5).storeBytes(of: fields.bigEndian, as: UInt32.self)
  guard let error else {
    (out + 9).storeBytes(of: 0, as: UInt16.self)
    return 11
  }
  let length = UInt16(truncatingIfNeeded: text.count)
  (out + 9).storeBytes(of: (length + 6).bigEndian, as: UInt16.self)
  (out + 11).storeBytes(of: UInt16(15).bigEndian, as: UInt16.self)
  (out + 13).storeBytes(of: (length + 2).bigEndian, as: UInt16.self)
  (out + 15).storeBytes(of: error.rawValue.bigEndian, as: UInt16.self)
  if let start = text.baseAddress { (out + 17).copyMemory(from: start, byteCount: text.count) }
  return 17 + text.count
}
