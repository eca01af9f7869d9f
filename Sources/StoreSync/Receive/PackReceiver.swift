import GitFormat
import Glibc
import HostSystem
public import VersionedStore

/// Takes a pack from outside as `git index-pack --fix-thin` does: streams it to a file in a folder of its own, checks it
/// whole, completes it where it is thin, and makes its index. Nothing of it is in a repository afterwards.
public struct PackReceiver {
  private let backend: any Backend
  private let bases: any ObjectReader
  private let limits: ReceiveLimits
  private let onProgress: (String) throws(StoreError) -> Void

  /// - Parameters:
  ///   - backend: beside which the pack is kept.
  ///   - bases: where the bases of a thin pack are; nil: in the back end.
  ///   - onProgress: called now and then with a line for people.
  public init(
    for backend: any Backend, bases: (any ObjectReader)? = nil, limits: ReceiveLimits = ReceiveLimits(),
    onProgress: @escaping (String) throws(StoreError) -> Void = { _ throws(StoreError) in }
  ) {
    self.backend = backend
    self.bases = bases ?? backend
    self.limits = limits
    self.onProgress = onProgress
  }

  /// Reads a pack, and nothing behind it.
  ///
  /// - Returns: nil where the pack is empty.
  public func receive(from input: BufferedInput) throws(StoreError) -> ReceivedPack? {
    let folder = try backend.makeQuarantine()
    do {
      return try receive(from: input, into: folder)
    } catch {
      ReceivedPack.remove(folder)
      throw error
    }
  }

  private func receive(from input: BufferedInput, into folder: String) throws(StoreError) -> ReceivedPack? {
    do throws(SystemError) { try File.makeFolder(folder + "/pack", mode: 0o700) } catch { throw .system(error) }
    let format = backend.format
    let file = try SpoolFile(folder + "/pack/incoming")
    let check = { (kind: ObjectKind, bytes: [UInt8]) throws(StoreError) in
      do throws(FormatError) {
        try bytes.span.bytes.withUnsafeBytes { (bytes) throws(FormatError) in
          try ObjectCheck.check(kind, bytes, format)
        }
      } catch { throw .malformed(error) }
    }
    let incoming = IncomingPack(input, to: file, format, limits, check)
    let (entries, checksum, unpacked) = try incoming.read { (done, total) throws(StoreError) in
      try onProgress("Receiving objects: \(done * 100 / max(total, 1))% (\(done)/\(total))\r")
    }
    guard !entries.isEmpty else {
      ReceivedPack.remove(folder)
      return nil
    }
    var resolver = DeltaResolver(entries, in: file, format, limits, unpacked: unpacked, check)
    try resolver.run(over: bases) { (done) throws(StoreError) in
      if done % 1_024 == 0 { try onProgress("Resolving deltas: \(done)/\(entries.count)\r") }
    }
    var sum = checksum
    if resolver.entries.count > entries.count { sum = try countAgain(file, resolver.entries.count) }
    try file.append(sum.bytes)
    try file.flush()
    return try finish(file, resolver.entries, sum, folder)
  }
}

extension PackReceiver {
  /// Writes the count of a pack that has grown.
  ///
  /// - Returns: the pack's new checksum.
  private func countAgain(_ file: SpoolFile, _ count: Int) throws(StoreError) -> ObjectID {
    var number: [UInt8] = []
    withUnsafeBytes(of: UInt32(truncatingIfNeeded: count).bigEndian) { number.append(contentsOf: $0) }
    try file.overwrite(at: 8, number)
    var hasher = ObjectHasher(backend.format)
    for start in stride(from: 0, to: file.count, by: 1 << 20) {
      hasher.update(try file.read(start..<min(start + 1 << 20, file.count)))
    }
    do { return try hasher.finish() } catch { throw .malformed(error) }
  }

  /// Names the pack, and writes its index.
  private func finish(
    _ file: SpoolFile, _ entries: [IncomingEntry], _ checksum: ObjectID, _ folder: String
  ) throws(StoreError) -> ReceivedPack {
    var seen: Set<ObjectID> = []
    var listed: [PackIndex.Entry] = []
    listed.reserveCapacity(entries.count)
    for entry in entries {
      guard let id = entry.id, seen.insert(id).inserted else {
        throw IncomingPack.malformed("the object at byte \(entry.offset) is in it twice")
      }
      listed.append(PackIndex.Entry(id: id, crc: entry.crc, offset: entry.offset))
    }
    let index: [UInt8]
    do { index = try PackIndex.serialize(listed, packChecksum: checksum, backend.format) } catch {
      throw .malformed(error)
    }
    let pack = ReceivedPack(
      folder: folder, backend.format, checksum: checksum, count: entries.count, byteCount: file.count)
    let indexFile = try SpoolFile(pack.indexPath)
    try indexFile.append(index)
    try indexFile.flush()
    guard rename(file.path, pack.packPath) == 0 else { throw .system(SystemError("renaming \(file.path)")) }
    return pack
  }
}
