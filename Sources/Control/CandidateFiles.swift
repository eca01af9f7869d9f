import Configuration
import HostSystem
import Household

/// The configuration's folder: the text that people and the API edit before it is committed.
public struct CandidateFiles {
  public let folder: String

  public init(folder: String) { self.folder = folder }

  /// lares.toml and the files it includes. A missing included file is the parser's to report, at the line that names it.
  public func read() throws -> [String: String] {
    guard let main = try text(ConfigurationText.mainFile) else {
      throw ControlError.failed("there is no \(ConfigurationText.mainFile) in \(folder)")
    }
    var files = [ConfigurationText.mainFile: main]
    for name in ConfigurationText.includedFiles(of: main) { files[name] = try text(name) }
    return files
  }

  private func text(_ name: String) throws -> String? {
    guard let bytes = try File.readIfPresent(folder + "/" + name) else { return nil }
    return try ConfigurationText.text(of: bytes, file: name)
  }

  /// Writes what differs, each file atomically, and removes files that are in `before` and no more in `files`.
  func write(_ files: [String: String], before: [String: String]) throws {
    for (name, text) in files where before[name] != text {
      try File.replace(folder + "/" + name, with: Array(text.utf8), durable: true)
    }
    for name in before.keys where files[name] == nil { try File.remove(folder + "/" + name) }
  }
}
