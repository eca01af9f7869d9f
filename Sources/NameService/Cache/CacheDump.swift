import HostSystem
import Household
import Wire

/// An answer on its way to or from the file that outlives the process.
struct DumpedAnswer: Equatable, Sendable {
  var question: Question
  var records: AnswerRecords
  /// Wall-clock times.
  var stored: UnixTime
  var expires: UnixTime
}

/// The cache as a file: a line that names the format, then records, then the CRC-32 of all that.
///
/// Only upstream answers are kept. A file that is damaged anywhere is no cache: it is not used at all.
enum CacheDump {
  static let magic = Array("lares names cache 1\n".utf8)
  /// Octets that one core hands over at most, oldest answers first to be left out.
  static let maximumBytes = 16 << 20

  /// Appends one answer.
  static func append(_ entry: CacheEntry, stored: UnixTime, expires: UnixTime, to writer: inout ByteWriter) {
    let answer = entry.answer
    writer.write(entry.traits.packed)
    writer.write(UInt64(bitPattern: stored))
    writer.write(UInt64(bitPattern: expires))
    writer.write(UInt8(truncatingIfNeeded: entry.nameLength))
    writer.write(contentsOf: entry.name)
    writer.write(answer.records.flags.rawValue)
    writer.write(answer.records.answerCount)
    writer.write(answer.records.authorityCount)
    writer.write(answer.records.additionalCount)
    writer.write(UInt16(truncatingIfNeeded: answer.records.ttlOffsets.count))
    for offset in answer.records.ttlOffsets { writer.write(offset) }
    writer.write(UInt16(truncatingIfNeeded: answer.records.body.count))
    writer.write(contentsOf: answer.records.body)
  }

  /// The file of several cores' parts.
  static func file(_ parts: [[UInt8]]) -> [UInt8] {
    var writer = ByteWriter(capacity: magic.count + parts.reduce(4) { $0 + $1.count })
    writer.write(contentsOf: magic)
    for part in parts { writer.write(contentsOf: part) }
    writer.write(CRC32.checksum(of: writer.bytes))
    return writer.bytes
  }

  /// The answers in a file; nil where it is damaged or of another format.
  static func read(_ file: [UInt8]) -> [DumpedAnswer]? {
    guard file.count >= magic.count + 4, file.starts(with: magic) else { return nil }
    let content = file.dropLast(4)
    let sum = file.suffix(4).reduce(0) { $0 << 8 | UInt32($1) }
    guard CRC32.checksum(of: content) == sum else { return nil }
    let bytes = file.span.bytes.extracting(magic.count..<content.count)
    var reader = ByteReader(bytes)
    var answers: [DumpedAnswer] = []
    while reader.remaining > 0 {
      guard let answer = readAnswer(&reader) else { return nil }
      answers.append(answer)
    }
    return answers
  }

  private static func readAnswer(_ reader: inout ByteReader) -> DumpedAnswer? {
    guard let traits = reader.readUInt32(), let stored = reader.readUInt64(), let expires = reader.readUInt64(),
      let nameLength = reader.readUInt8(), let wire = reader.readBytes(Int(nameLength))?.array,
      let name = DomainName(wire: wire), let records = readRecords(&reader)
    else { return nil }
    return DumpedAnswer(
      question: Question(name: name.canonical, traits: QuestionTraits(packed: traits)), records: records,
      stored: UnixTime(bitPattern: stored), expires: UnixTime(bitPattern: expires))
  }

  private static func readRecords(_ reader: inout ByteReader) -> AnswerRecords? {
    guard let flags = reader.readUInt16(), let answers = reader.readUInt16(), let authority = reader.readUInt16(),
      let additional = reader.readUInt16(), let ttlCount = reader.readUInt16()
    else { return nil }
    var offsets: [UInt16] = []
    for _ in 0..<ttlCount {
      guard let offset = reader.readUInt16() else { return nil }
      offsets.append(offset)
    }
    guard let count = reader.readUInt16(), let body = reader.readBytes(Int(count))?.array,
      offsets.allSatisfy({ Int($0) + 4 <= body.count })
    else { return nil }
    // Earlier versions kept the AD flag of their upstream.
    return AnswerRecords(
      flags: DNSFlags(rawValue: flags).subtracting(.authenticData), answerCount: answers, authorityCount: authority,
      additionalCount: additional, body: body, ttlOffsets: offsets)
  }
}

extension Worker {
  /// The upstream answers that this core owns and that may still be of use, for the file.
  func dump() -> [UInt8] {
    let (now, wall) = (Self.second(Clock.now), Clock.wall)
    var writer = ByteWriter()
    hitPath.cache.visitAll { entry in
      guard entry.origin == .upstream, owner(of: entry.hash) == core, writer.count < CacheDump.maximumBytes,
        Int64(entry.expires) + Int64(rules.resolver.staleSeconds) > Int64(now)
      else { return }
      CacheDump.append(
        entry, stored: wall - Int64(now) + Int64(entry.stored), expires: wall - Int64(now) + Int64(entry.expires),
        to: &writer)
    }
    return writer.bytes
  }

  /// Takes over the answers of an earlier run whose questions this core owns. They are checked against the rules when
  /// they are first asked for.
  func load(_ answers: [DumpedAnswer]) {
    let (now, wall) = (Int64(Self.second(Clock.now)), Clock.wall)
    for answer in answers {
      // Times from a clock that was ahead would make an answer live too long.
      let age = wall - answer.stored
      let lifetime = answer.expires - answer.stored
      guard age >= 0, age < now, lifetime > 0, lifetime <= Int64(rules.resolver.lifetimes.maximum),
        age < lifetime + Int64(rules.resolver.staleSeconds)
      else { continue }
      fillKey(answer.question)
      guard owner(of: hitPath.key.hash) == core else { continue }
      hitPath.keep(
        StoredAnswer(
          records: answer.records, origin: .upstream, stored: UInt32(now - age),
          expires: UInt32(now - age + lifetime), generation: 0))
    }
  }
}
