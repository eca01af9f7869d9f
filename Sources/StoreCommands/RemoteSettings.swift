import GitFormat
import HostSystem
import StoreSync
import VersionedStore

/// The remotes that a repository's `config` names (git-config): `[remote "origin"]` with `url` and `fetch`.
struct RemoteSettings {
  private(set) var address: String?
  private(set) var fetch: [String] = []

  /// What a configuration says of one remote.
  init(_ name: String, in text: String) {
    var isHere = false
    for line in text.split(whereSeparator: \.isNewline) {
      let line = line.drop { $0 == " " || $0 == "\t" }
      if line.hasPrefix("[") {
        isHere = Self.remote(line) == name
      } else if isHere, let equals = line.firstIndex(of: "=") {
        let key = line[..<equals].filter { $0 != " " && $0 != "\t" }.lowercased()
        let value = Self.value(line[line.index(after: equals)...])
        if key == "url", address == nil { address = value }
        if key == "fetch" { fetch.append(value) }
      }
    }
  }

  /// The name in `[remote "name"]`.
  private static func remote(_ line: Substring) -> String? {
    guard let open = line.firstIndex(of: "\""), let close = line.lastIndex(of: "\""), open < close,
      line[..<open].dropFirst().filter({ $0 != " " && $0 != "\t" }).lowercased() == "remote"
    else { return nil }
    return unescaped(line[line.index(after: open)..<close])
  }

  /// A value without quotes, escapes and a comment behind it.
  private static func value(_ text: Substring) -> String {
    var value = ""
    var isQuoted = false, isEscaped = false
    var end = value.endIndex
    for character in text.drop(while: { $0 == " " || $0 == "\t" }) {
      if isEscaped {
        value.append(character == "n" ? "\n" : character == "t" ? "\t" : character)
        isEscaped = false
      } else if character == "\\" {
        isEscaped = true
        continue
      } else if character == "\"" {
        isQuoted.toggle()
      } else if !isQuoted, character == "#" || character == ";" {
        break
      } else {
        value.append(character)
        if !isQuoted, character == " " || character == "\t" || character == "\r" { continue }
      }
      end = value.endIndex
    }
    return String(value[..<end])
  }

  private static func unescaped(_ text: Substring) -> String {
    var isEscaped = false
    return String(
      text.filter { character in
        isEscaped = character == "\\" && !isEscaped
        return !isEscaped
      })
  }

  /// The lines that name a remote.
  static func section(_ name: String, address: String) -> String {
    func quoted(_ text: String) -> String {
      "\"\(text.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"").replacing("\n", with: "\\n"))\""
    }
    return """
      [remote \(quoted(name))]
      \turl = \(quoted(address))
      \tfetch = +refs/heads/*:refs/remotes/\(name)/*

      """
  }
}
