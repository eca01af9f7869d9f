import Configuration
import GitFormat
import VersionedStore

extension RightsFile {
  /// Reads a file of rights. Nothing is guessed: a key, a power or a group that is not known is an error.
  ///
  /// - Parameters:
  ///   - file: what errors call it.
  ///   - ofFolder: whether it is for a folder of repositories; the file of one repository has no `repositories`.
  /// - Throws: all that is wrong, with line and column.
  public init(
    parsing bytes: [UInt8], file: String = RightsFile.name, ofFolder: Bool = true
  ) throws(RightsFileErrors) {
    let document: Configuration.TOMLDocument
    do throws(TOMLErrors) { document = try Configuration.TOMLDocument(parsing: bytes) } catch {
      throw RightsFileErrors(
        lines: error.errors.map { error in
          "\(file):\(error.line):\(error.column): \(error.problem)" + (error.hint.map { " (\($0))" } ?? "")
        })
    }
    var reader = RightsReader(document, file, ofFolder: ofFolder)
    self = reader.read()
    guard reader.errors.isEmpty else { throw RightsFileErrors(lines: reader.errors) }
  }
}

/// Makes rights of a document's tables, and gathers what is wrong with them.
private struct RightsReader {
  private let document: Configuration.TOMLDocument
  private let file: String
  private let ofFolder: Bool
  private(set) var errors: [String] = []
  private var groups: [String: Set<Principal>] = [:]

  init(_ document: Configuration.TOMLDocument, _ file: String, ofFolder: Bool) {
    self.document = document
    self.file = file
    self.ofFolder = ofFolder
  }

  mutating func read() -> RightsFile {
    var result = RightsFile()
    var grants: [TOMLNode] = []
    // Groups first: grants and groups may stand in any order.
    for entry in document.root.entries {
      switch entry.key {
      case "committer":
        result.requiresOwnCommitter = word(entry.node, of: ["own", "any"]) == "own"
      case "group": readGroups(entry)
      case "person", "device", "service":
        guard let kind = Principal.Kind(rawValue: entry.key) else { continue }
        readPrincipals(entry, kind, &result.mails)
      case "grant":
        if case .arrayOfTables(let tables) = entry.node.content {
          grants = tables
        } else {
          fail(entry.keyRange, "grants are written as [[grant]]")
        }
      default:
        unknown(entry, ["committer", "group", "person", "device", "service", "grant"])
      }
    }
    result.rights = Rights(grants.map { readGrant($0) }, groups: groups)
    return result
  }

  // MARK: Groups and people

  private mutating func readGroups(_ entry: TOMLTable.Entry) {
    for (name, table) in named(entry) {
      var members: Set<Principal> = []
      for member in table.entries {
        guard member.key == "members" else {
          unknown(member, ["members"])
          continue
        }
        for (text, range) in strings(member.node) {
          if let principal = Principal(text) {
            members.insert(principal)
          } else {
            fail(range, "“\(text)” is no person:NAME, device:NAME or service:NAME")
          }
        }
      }
      groups[name] = members
    }
  }

  private mutating func readPrincipals(
    _ entry: TOMLTable.Entry, _ kind: Principal.Kind, _ mails: inout [Principal: [String]]
  ) {
    for (name, table) in named(entry) {
      for key in table.entries {
        guard key.key == "mail" else {
          unknown(key, ["mail"])
          continue
        }
        let addresses = strings(key.node)
        for (text, range) in addresses where text.isEmpty || text.utf8.contains(where: { "<> ".utf8.contains($0) }) {
          fail(range, "“\(text)” is no address of mail")
        }
        mails[Principal(kind, name)] = addresses.map(\.text)
      }
    }
  }

  private mutating func named(_ entry: TOMLTable.Entry) -> [(name: String, table: TOMLTable)] {
    guard let table = entry.node.table else {
      fail(entry.keyRange, "\(entry.key) is written as [\(entry.key).NAME]")
      return []
    }
    var found: [(name: String, table: TOMLTable)] = []
    for inner in table.entries {
      if !Principal.isName(inner.key) {
        fail(inner.keyRange, "“\(inner.key)” is no name: letters, digits, and . _ - @ can be in one")
      } else if let table = inner.node.table {
        found.append((inner.key, table))
      } else {
        fail(inner.keyRange, "\(entry.key) is written as [\(entry.key).NAME]")
      }
    }
    return found
  }

  // MARK: Grants

  private mutating func readGrant(_ node: TOMLNode) -> Grant {
    var grant = Grant(who: [], powers: [])
    var references: [NamePattern]?
    guard let table = node.table else { return grant }
    for entry in table.entries {
      switch entry.key {
      case "who": grant.who = Set(strings(entry.node).compactMap { grantee($0.text, $0.range) })
      case "powers":
        grant.powers = Set(words(entry.node, of: Power.allCases.map(\.rawValue)).compactMap(Power.init))
      case "repositories" where ofFolder: grant.repositories = patterns(entry.node, under: "")
      case "branches": references = (references ?? []) + patterns(entry.node, under: "refs/heads/")
      case "tags": references = (references ?? []) + patterns(entry.node, under: "refs/tags/")
      case "references": references = (references ?? []) + patterns(entry.node, under: "")
      case "paths": grant.paths = paths(entry.node)
      default:
        let known = ["who", "powers", "branches", "tags", "references", "paths"] + (ofFolder ? ["repositories"] : [])
        unknown(entry, known)
      }
    }
    for key in ["who", "powers"] where table[key] == nil { fail(node.range, "the grant has no \(key)") }
    if let references { grant.references = references }
    return grant
  }

  private mutating func grantee(_ text: String, _ range: Range<Int>) -> Grantee? {
    if text == "everybody" { return .everybody }
    if let principal = Principal(text) { return .principal(principal) }
    if text.hasPrefix("group:") {
      let name = String(text.dropFirst(6))
      if groups[name] != nil { return .group(name) }
      fail(range, "there is no group “\(name)”" + suggestion(name, Array(groups.keys)))
      return nil
    }
    fail(range, "“\(text)” is neither everybody nor person:NAME, device:NAME, service:NAME or group:NAME")
    return nil
  }

  private mutating func patterns(_ node: TOMLNode, under prefix: String) -> [NamePattern] {
    strings(node).compactMap { text, range in
      guard !text.isEmpty, !text.hasPrefix("/"), !text.hasSuffix("/") else {
        fail(range, "“\(text)” is no pattern of names")
        return nil
      }
      return NamePattern(prefix + text)
    }
  }

  private mutating func paths(_ node: TOMLNode) -> [Path] {
    strings(node).compactMap { text, range in
      let path = Path(text)
      guard !path.names.contains(where: { $0.problem(isOwn: true) != nil }) else {
        fail(range, "“\(text)” cannot be a path")
        return nil
      }
      return path
    }
  }

  // MARK: Values

  private mutating func strings(_ node: TOMLNode) -> [(text: String, range: Range<Int>)] {
    guard case .array(let elements) = node.content else {
      fail(node.range, "a list of strings is expected: [\"…\"]")
      return []
    }
    return elements.compactMap { element in
      if case .scalar(.string(let text)) = element.content { return (text, element.range) }
      fail(element.range, "a string is expected")
      return nil
    }
  }

  private mutating func words(_ node: TOMLNode, of known: [String]) -> [String] {
    strings(node).compactMap { text, range in
      if known.contains(text) { return text }
      fail(range, "“\(text)” is none of \(known.joined(separator: ", "))" + suggestion(text, known))
      return nil
    }
  }

  private mutating func word(_ node: TOMLNode, of known: [String]) -> String? {
    if case .scalar(.string(let text)) = node.content, known.contains(text) { return text }
    fail(node.range, "one of \(known.map { "\"\($0)\"" }.joined(separator: ", ")) is expected")
    return nil
  }

  private mutating func unknown(_ entry: TOMLTable.Entry, _ known: [String]) {
    fail(entry.keyRange, "there is no key \(entry.key) here" + suggestion(entry.key, known))
  }

  private func suggestion(_ word: String, _ known: [String]) -> String {
    nearestWord(to: word, among: known.sorted()).map { "; did you mean \($0)?" } ?? ""
  }

  private mutating func fail(_ range: Range<Int>, _ problem: String) {
    let (line, column) = document.position(of: range.lowerBound)
    errors.append("\(file):\(line):\(column): \(problem)")
  }
}
