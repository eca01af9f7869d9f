import GitFormat
import Glibc
import HostSystem

/// Objects in files of their own, `objects/ab/cdef…`: a zlib stream of `<kind> <size>\0` and the bytes (gitformat-loose).
struct LooseObjects: Sendable {
  /// The `objects` folder.
  let folder: String
  let format: ObjectFormat

  /// `commit 9223372036854775807\0` fits.
  private static let longestHeader = 32

  func path(of id: ObjectID) -> String {
    let hex = id.hex
    return "\(folder)/\(hex.prefix(2))/\(hex.dropFirst(2))"
  }

  func contains(_ id: ObjectID) -> Bool { access(path(of: id), F_OK) == 0 }

  /// The object; nil where there is no such file.
  func object(_ id: ObjectID, limit: Int) throws(StoreError) -> GitObject? {
    guard let (file, header) = try open(id) else { return nil }
    guard header.size <= limit else {
      throw .tooLarge("\(file.path) has \(header.size) bytes, the limit is \(limit)")
    }
    do throws(FormatError) {
      let (bytes, consumed) = try Deflate.decompress(file.bytes, size: header.length + header.size)
      guard consumed == file.bytes.count else { throw FormatError("loose object", "bytes follow its end") }
      return GitObject(header.kind, Array(bytes[header.length...]))
    } catch { throw .damaged(file: file.path, error.why) }
  }

  func kindAndSize(_ id: ObjectID) throws(StoreError) -> (kind: ObjectKind, size: Int)? {
    guard let (_, header) = try open(id) else { return nil }
    return (header.kind, header.size)
  }

  /// Calls with the name of each file that may be an object.
  func forEachID(_ body: (ObjectID) -> Void) {
    for first in UInt8.min...UInt8.max {
      let prefix = String(first >> 4, radix: 16) + String(first & 15, radix: 16)
      for name in File.list("\(folder)/\(prefix)") {
        if let id = ObjectID(format, hex: prefix + name) { body(id) }
      }
    }
  }

  // MARK: - Headers

  private struct Header {
    var kind: ObjectKind
    var size: Int
    /// Bytes before the object's own.
    var length: Int
  }

  private func open(_ id: ObjectID) throws(StoreError) -> (MappedFile, Header)? {
    let file: MappedFile
    do throws(StoreError) { file = try MappedFile(path(of: id)) } catch {
      if case .system(let error) = error, error.code == ENOENT || error.code == ENOTDIR { return nil }
      throw error
    }
    guard let header = Self.header(file.bytes) else {
      throw .damaged(file: file.path, "it does not begin as a loose object does")
    }
    return (file, header)
  }

  private static func header(_ file: UnsafeRawBufferPointer) -> Header? {
    var bytes = [UInt8](repeating: 0, count: longestHeader)
    var stream = InflateStream()
    let progress = bytes.withUnsafeMutableBytes { try? stream.step(file, into: $0) }
    guard let progress, let end = bytes[..<progress.produced].firstIndex(of: 0),
      let space = bytes[..<end].firstIndex(of: UInt8(ascii: " ")),
      let kind = ObjectKind.allCases.first(where: { bytes[..<space].elementsEqual($0.description.utf8) })
    else { return nil }
    let digits = bytes[(space + 1)..<end]
    guard digits.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }),
      digits.count == 1 || digits.first != UInt8(ascii: "0"),
      let size = Int(String(decoding: digits, as: UTF8.self)), size < Int.max - longestHeader
    else { return nil }
    return Header(kind: kind, size: size, length: end + 1)
  }
}
