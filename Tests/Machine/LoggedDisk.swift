import Glibc
import HostSystem
import TestSupport
import Testing

/// A disk with an ext4 file system, of whose writes and flushes QEMU keeps a log, so that it can be had as a loss of power
/// at any point would leave it.
///
/// The log has the format of the kernel's dm-log-writes (Documentation/admin-guide/device-mapper/log-writes.rst): a head,
/// then for each write or flush an entry of one sector, and what was written.
final class LoggedDisk {
  /// QEMU's arguments that make this the machine's /dev/vda.
  let arguments: [String]
  private let folder: TemporaryFolder
  private let log: Descriptor

  static let sector = 512
  /// Where the room begins, behind the file system, in which the machine can note something.
  let notes: Int
  /// In bytes, with that room.
  let size: Int

  /// - Parameter blockSize: of the file system, in bytes.
  init(megabytes: Int = 16, blockSize: Int = 1_024) throws {
    folder = try TemporaryFolder()
    notes = megabytes << 20
    size = notes + 1 << 20
    let script = """
      cd \(folder.path)
      truncate --size \(notes) blank
      /usr/sbin/mkfs.ext4 -q -b \(blockSize) -E lazy_itable_init=0,lazy_journal_init=0 blank
      truncate --size \(size) blank
      cp --sparse=always blank disk
      truncate --size 1G log
      """
    let result = try runCommand(["sh", "-ec", script])
    try #require(result.isSuccess, "\(result.output)")
    log = try Descriptor(opening: folder.path + "/log", O_RDONLY)
    // What the machine flushes is safe here without a flush: this machine goes on.
    let files = [("file", "disk"), ("log", "log")].map { [folder] role, name in
      "\(role).driver=file,\(role).filename=\(folder.path)/\(name),\(role).cache.no-flush=on"
    }
    arguments = [
      "-blockdev", "driver=blklogwrites,node-name=disk,\(files.joined(separator: ","))", "-device",
      "virtio-blk-pci,drive=disk",
    ]
  }

  /// How many entries the log had at the machine's last flush. QEMU counts before it answers the flush.
  func position() throws -> Int { Int(try read(8, at: 16).number(at: 0)) }

  /// One write or flush.
  struct Entry {
    var place: Int
    var length: Int
    var flags: UInt64
    /// Where in the log its bytes are.
    var data: Int

    var isFlush: Bool { flags & 1 != 0 }
    /// Written through the disk's cache (FUA).
    var isThrough: Bool { flags & 2 != 0 }
    var isDiscard: Bool { flags & 4 != 0 }
  }

  /// All that the log holds, in order.
  func entries() throws -> [Entry] {
    var entries: [Entry] = []
    var place = Self.sector
    while true {
      let head = try read(32, at: place)
      let entry = Entry(
        place: Int(head.number(at: 0)) * Self.sector, length: Int(head.number(at: 8)) * Self.sector,
        flags: head.number(at: 16), data: place + Self.sector)
      if entry.length == 0, entry.flags == 0 { return entries }
      entries.append(entry)
      place = entry.data + (entry.isDiscard ? 0 : entry.length)
    }
  }

  /// What an entry wrote.
  func bytes(of entry: Entry) throws -> [UInt8] { entry.isDiscard ? [] : try read(entry.length, at: entry.data) }

  /// Makes a file of the disk as a loss of power leaves it after these entries. What was written before the last flush is
  /// there.
  ///
  /// - Parameter arriving: which sectors of a write after the last flush have arrived, of so many.
  /// - Returns: the path of the file, which the next call replaces.
  func image(after entries: ArraySlice<Entry>, arriving: (Int) -> [Bool]) throws -> String {
    let path = folder.path + "/image"
    try File.remove(path)
    try writeImage(after: entries, to: path, at: 0, arriving: arriving)
    return path
  }

  /// The same, to a place in a file that may have others.
  func writeImage(
    after entries: ArraySlice<Entry>, to path: String, at offset: Int, arriving: (Int) -> [Bool]
  ) throws {
    let result = try runCommand([
      "dd", "status=none", "if=\(folder.path)/blank", "of=\(path)", "bs=64K", "conv=sparse,notrunc",
      "oflag=seek_bytes", "seek=\(offset)",
    ])
    try #require(result.isSuccess, "\(result.output)")
    let image = try Descriptor(opening: path, O_WRONLY)
    try systemCall("sizing \(path)") {
      ftruncate(image.number, off_t(max(offset + size, Int(lseek(image.number, 0, SEEK_END)))))
    }
    let flush = entries.lastIndex(where: \.isFlush) ?? entries.startIndex
    for (index, entry) in zip(entries.indices, entries) where !entry.isDiscard && entry.length > 0 {
      let bytes = try bytes(of: entry)
      let isFlushed = index < flush || entry.isThrough
      let sectors = entry.length / Self.sector
      let arrived = isFlushed ? Array(repeating: true, count: sectors) : arriving(sectors)
      for run in Self.runs(arrived) {
        let part = bytes[run.lowerBound * Self.sector..<run.upperBound * Self.sector]
        try part.withUnsafeBytes { part in
          _ = try systemCall("writing \(path)") {
            pwrite(
              image.number, part.baseAddress, part.count, off_t(offset + entry.place + run.lowerBound * Self.sector))
          }
        }
      }
    }
  }

  /// What a loss of power may leave of a write that nobody waited for: all of it, nothing, the first sectors, or any.
  static func torn(_ sectors: Int, using random: inout SeededGenerator) -> [Bool] {
    switch Int.random(in: 0..<4, using: &random) {
    case 0: return Array(repeating: true, count: sectors)
    case 1: return Array(repeating: false, count: sectors)
    case 2:
      let count = Int.random(in: 0...sectors, using: &random)
      return (0..<sectors).map { $0 < count }
    default: return (0..<sectors).map { _ in Bool.random(using: &random) }
    }
  }

  /// Where values are true.
  private static func runs(_ values: [Bool]) -> [Range<Int>] {
    var runs: [Range<Int>] = []
    for (index, value) in values.enumerated() where value {
      if let last = runs.last, last.upperBound == index {
        runs[runs.count - 1] = last.lowerBound..<index + 1
      } else {
        runs.append(index..<index + 1)
      }
    }
    return runs
  }

  private func read(_ count: Int, at place: Int) throws -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: count)
    let taken = try systemCall("reading the disk's log") { pread(log.number, &bytes, count, off_t(place)) }
    try #require(taken == count, "the disk's log ends within an entry")
    return bytes
  }
}

extension [UInt8] {
  /// Eight bytes as the number that they are, the lowest first.
  fileprivate func number(at place: Int) -> UInt64 {
    self[place..<place + 8].reversed().reduce(0) { $0 << 8 | UInt64($1) }
  }
}
