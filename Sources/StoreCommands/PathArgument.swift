import ArgumentParser
import GitFormat
import Glibc

/// A path in a repository as it was typed: bytes, which need not be UTF-8.
struct PathArgument: ExpressibleByArgument {
  let path: Path

  init(_ path: Path) { self.path = path }

  init?(argument: String) {
    path = Path(Self.bytes(of: argument).split(separator: UInt8(ascii: "/")).map { EntryName(Array($0)) })
  }

  var defaultValueDescription: String { path.isRoot ? "/" : "\(path)" }

  /// What was typed. Arguments come as text with a replacement character for what is no UTF-8; the bytes are those of
  /// the one argument of this process that reads so.
  private static func bytes(of argument: String) -> [UInt8] {
    guard argument.unicodeScalars.contains("\u{FFFD}") else { return Array(argument.utf8) }
    var found: Set<[UInt8]> = []
    for index in 0..<Int(CommandLine.argc) {
      guard let word = CommandLine.unsafeArgv[index] else { continue }
      let bytes = Array(UnsafeRawBufferPointer(start: word, count: strlen(word)))
      if String(decoding: bytes, as: UTF8.self) == argument { found.insert(bytes) }
    }
    return found.count == 1 ? found.removeFirst() : Array(argument.utf8)
  }
}
