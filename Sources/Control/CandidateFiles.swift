import Configuration
import HostSystem
import Household

/// The configuration's folder: the text that people and the API edit before it is committed.
struct CandidateFiles {
  let folder: String
  static let main = "lares.toml"

  /// lares.toml and the files it includes.
  func read() throws -> [String: String] {
    var files: [String: String] = [:]
    var wanted = [Self.main]
    while let name = wanted.popLast() {
      guard files[name] == nil else { continue }
      guard let bytes = try File.readIfPresent(folder + "/" + name) else {
        // A missing included file is the parser's to report, at the line that names it.
        if name == Self.main { throw ControlError.failed("there is no \(Self.main) in \(folder)") }
        continue
      }
      guard let text = String(validating: bytes, as: UTF8.self) else {
        throw ControlError.failed("\(folder)/\(name) is not UTF-8 text")
      }
      files[name] = text
      wanted += includedFiles(in: text)
    }
    return files
  }

  /// Writes what differs, each file atomically, and removes files that are in `before` and no more in `files`.
  func write(_ files: [String: String], before: [String: String]) throws {
    for (name, text) in files where before[name] != text {
      try File.replace(folder + "/" + name, with: Array(text.utf8), durable: true)
    }
    for name in before.keys where files[name] == nil { try File.remove(folder + "/" + name) }
  }
}
