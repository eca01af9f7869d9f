import GitFormat
import Glibc
import HostSystem

/// The file `lares/journal` of a repository: what is acknowledged, and perhaps not yet in Git's own files.
///
/// A header of 4,096 bytes names the generation; records follow. The file is used anew, under a new generation, once all
/// that it holds is published: overwriting blocks that are there is the cheapest durable write. Not safe for several
/// threads: its user holds a lock.
final class Journal {
  static let start = 4_096
  /// The journal begins anew as soon as it may after this many bytes,
  static let comfortableSize = 1 << 20
  /// and writers wait for the publisher before it grows over this.
  static let maximumSize = 48 << 20
  private static let magic = Array("LARES JOURNAL 1\n".utf8)
  /// Room is reserved in steps of this.
  private static let step = 256 << 10

  let path: String
  let file: WritableFile
  private let format: ObjectFormat
  private(set) var generation: UInt64
  /// Where the next record goes: behind the last that was read or written.
  private(set) var end = start
  private var allocated: Int

  /// Makes an empty journal, whole once it has its name; one that another process made meanwhile is as good.
  static func create(_ path: String, layer: FileLayer) throws(SystemError) {
    let generation = Self.newGeneration()
    let temporary = "\(path)-\(generation).new"
    try layer.create(temporary, with: header(generation), sync: .newFile)
    do throws(SystemError) { try layer.link(temporary, path) } catch { if error.code != EEXIST { throw error } }
    try layer.remove(temporary)
  }

  /// - Throws: `.damaged` where the file is no journal of this format.
  init(path: String, format: ObjectFormat, layer: FileLayer) throws(StoreError) {
    self.path = path
    self.format = format
    do throws(SystemError) {
      file = try layer.open(path)
      allocated = try Self.size(of: file)
      let head = try Self.read(file, at: 0, count: Self.start)
      guard head.starts(with: Self.magic) else { throw SystemError("reading \(path)", code: EINVAL) }
      // A header that was cut off while the journal was begun anew: all that was in it is published.
      generation = Self.generation(of: head) ?? Self.newGeneration()
      if Self.generation(of: head) == nil {
        // The next sync of a record makes it durable too; until then the header that was cut off says the same.
        try file.write(Self.header(generation), at: 0)
      }
    } catch {
      if error.code == EINVAL { throw .damaged(file: path, "it does not begin as a journal does") }
      throw .system(error)
    }
  }

  private static func newGeneration() -> UInt64 {
    var randomness = SystemRandomness()
    return randomness.next()
  }

  private static func header(_ generation: UInt64) -> [UInt8] {
    var bytes = magic
    JournalRecord.append([0], generation: generation, to: &bytes)
    return bytes
  }

  private static func generation(of header: [UInt8]) -> UInt64? {
    guard header.count >= magic.count + JournalRecord.headerLength + 1 else { return nil }
    let generation = header.littleEndian(at: magic.count + 8, as: UInt64.self)
    var expected = magic
    JournalRecord.append([0], generation: generation, to: &expected)
    return header.starts(with: expected) ? generation : nil
  }

  private static func size(of file: WritableFile) throws(SystemError) -> Int {
    try Int(systemCall("sizing \(file.path)") { lseek(file.descriptorNumber, 0, SEEK_END) })
  }

  private static func read(_ file: WritableFile, at offset: Int, count: Int) throws(SystemError) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: count)
    var filled = 0
    while filled < count {
      let got = try systemCall("reading \(file.path)") {
        bytes.withUnsafeMutableBytes {
          pread(file.descriptorNumber, $0.baseAddress! + filled, count - filled, off_t(offset + filled))
        }
      }
      if got == 0 { break }
      filled += got
    }
    bytes.removeLast(count - filled)
    return bytes
  }

  /// Bytes of the file, fewer where it ends before.
  func read(_ range: Range<Int>) throws(SystemError) -> [UInt8] {
    try Self.read(file, at: range.lowerBound, count: range.count)
  }

  /// Reads the records behind `end`, and moves on.
  ///
  /// - Parameters:
  ///   - limit: stop there; what stands behind it does not count.
  ///   - found: gets each record, and the offset behind it.
  func readOn(to limit: Int = .max, _ found: (JournalRecord.Content, _ end: Int) -> Void) throws(SystemError) {
    var chunk: [UInt8] = []
    var base = end
    while end < limit {
      let offset = end - base
      if let (content, after) = JournalRecord.read(
        chunk, at: offset, base: base, generation: generation, format: format)
      {
        end = base + after
        found(content, end)
        continue
      }
      // No whole record, or one that is longer than what was read so far.
      let had = chunk.count - offset
      let wanted = max(64 << 10, JournalRecord.length(chunk, at: offset, generation: generation) ?? 0)
      guard had < wanted else { return }
      base = end
      chunk = try read(end..<end + wanted)
      guard chunk.count > had else { return }
    }
  }

  /// Takes up a generation that another process began.
  func follow(generation: UInt64) {
    self.generation = generation
    end = Self.start
  }

  /// Writes records behind the last one. They are durable after the next sync of `file`.
  func append(_ payloads: [[UInt8]]) throws(SystemError) {
    var block: [UInt8] = []
    block.reserveCapacity(payloads.reduce(0) { $0 + $1.count + JournalRecord.headerLength })
    for payload in payloads { JournalRecord.append(payload, generation: generation, to: &block) }
    if end + block.count > allocated {
      let size = (end + block.count + Self.step - 1) / Self.step * Self.step
      try file.allocate(upTo: size)
      allocated = size
    }
    try file.write(block, at: end)
    end += block.count
  }

  /// Overwrites what earlier uses of the file left in it. Nothing may be in it.
  func erase() throws(SystemError) {
    let zeros = [UInt8](repeating: 0, count: 1 << 20)
    let size = try Self.size(of: file)
    for offset in stride(from: Self.start, to: size, by: zeros.count) {
      try file.write(Array(zeros.prefix(size - offset)), at: offset)
    }
    try file.sync(.journal)
  }

  /// Begins anew. Everything in it has to be published, and known on the disk to be.
  func recycle() throws(SystemError) {
    let next = Self.newGeneration()
    try file.write(Self.header(next), at: 0)
    try file.sync(.journal)
    generation = next
    end = Self.start
  }
}
