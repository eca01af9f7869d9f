import FoundationEssentials
import TestSupport

/// Files that the tests read: those of the repository, and the shared test data beside it.
enum TestData {
  struct Missing: Error, CustomStringConvertible {
    let description: String
  }

  /// The package's root, three folders above this file.
  static var packageRoot: String {
    #filePath.split(separator: "/").dropLast(3).reduce("") { "\($0)/\($1)" }
  }

  /// `shared/testdata`: named by LARES_TESTDATA, or in the nearest folder above the package that has it.
  static func sharedFolder() throws -> String {
    if let named = ProcessInfo.processInfo.environment["LARES_TESTDATA"] {
      guard FileManager.default.fileExists(atPath: named) else {
        throw Missing(description: "LARES_TESTDATA names \(named), which does not exist")
      }
      return named
    }
    var parts = packageRoot.split(separator: "/")
    while !parts.isEmpty {
      parts.removeLast()
      let candidate = parts.reduce("") { "\($0)/\($1)" } + "/shared/testdata"
      if FileManager.default.fileExists(atPath: candidate) { return candidate }
    }
    throw Missing(
      description: "no folder shared/testdata beside or above \(packageRoot); put it there or set LARES_TESTDATA")
  }

  static func bytes(_ path: String) throws -> [UInt8] {
    guard let data = FileManager.default.contents(atPath: path) else {
      throw Missing(description: "cannot read \(path)")
    }
    return Array(data)
  }

  static func text(_ path: String) throws -> String { String(decoding: try bytes(path), as: UTF8.self) }

  /// A file of the repository, by its path from the package's root.
  static func repositoryText(_ path: String) throws -> String { try text("\(packageRoot)/\(path)") }

  /// The names of toml-test's TOML 1.0.0 files that begin so and end in `.toml`, e.g. `valid/`.
  static func tomlCases(_ prefix: String) throws -> [String] {
    try text("\(sharedFolder())/toml-test/tests/files-toml-1.0.0").split(separator: "\n").map(String.init)
      .filter { $0.hasPrefix(prefix) && $0.hasSuffix(".toml") }
  }

  static func tomlCase(_ name: String) throws -> [UInt8] {
    try bytes("\(sharedFolder())/toml-test/tests/\(name)")
  }
}
