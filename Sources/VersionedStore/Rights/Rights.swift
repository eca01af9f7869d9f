public import GitFormat

/// What a grant allows to do with a reference. Each of them includes to read it.
public enum Power: String, CaseIterable, Sendable {
  case read
  /// Commits on top of what is there, within the grant's paths.
  case write
  /// To make references that are not there. What new commits on them change has to be writable besides.
  case create
  case delete
  /// To give a reference a value that does not come from the one it has, within the paths that are writable.
  case rewind
  /// All of the others, and the references of the store itself (`refs/lares/…`).
  case administer
}

/// One line of a list of rights: who may do what where. Empty lists allow nothing.
public struct Grant: Equatable, Sendable {
  public var who: Set<Grantee>
  /// Names of repositories.
  public var repositories: [NamePattern]
  /// Full names of references.
  public var references: [NamePattern]
  /// Below which files may be written; the root is everywhere. Reading has no such limit: who reads a branch, reads all
  /// that it reaches.
  public var paths: [Path]
  public var powers: Set<Power>

  public init(
    who: Set<Grantee>, repositories: [NamePattern] = [.all], references: [NamePattern] = [.all],
    paths: [Path] = [.root], powers: Set<Power>
  ) {
    self.who = who
    self.repositories = repositories
    self.references = references
    self.paths = paths
    self.powers = powers
  }
}

/// Who may do what with which repository. What no grant allows is refused; no grant takes away what another gives, so
/// their order says nothing.
public struct Rights: Equatable, Sendable {
  public var grants: [Grant]
  /// Who is in which group.
  public var groups: [String: Set<Principal>]

  public init(_ grants: [Grant] = [], groups: [String: Set<Principal>] = [:]) {
    self.grants = grants
    self.groups = groups
  }

  /// What somebody may do with a repository.
  public func access(of principal: Principal, to repository: String) -> Access {
    Access(
      principal,
      grants.filter { grant in
        grant.who.contains { concerns($0, principal) } && grant.repositories.contains { $0.matches(repository) }
      })
  }

  private func concerns(_ grantee: Grantee, _ principal: Principal) -> Bool {
    switch grantee {
    case .everybody: true
    case .principal(let one): one == principal
    case .group(let name): groups[name]?.contains(principal) ?? false
    }
  }
}

/// What one principal may do with one repository.
public struct Access: Equatable, Sendable {
  public let principal: Principal
  /// Those of the grants that concern the principal and the repository.
  private let grants: [Grant]

  init(_ principal: Principal, _ grants: [Grant]) {
    self.principal = principal
    self.grants = grants
  }

  /// Several lists of rights for one repository, which add up.
  public func adding(_ other: Access) -> Access { Access(principal, grants + other.grants) }

  /// Whether the repository is there at all for the principal.
  public var isEmpty: Bool { grants.allSatisfy(\.powers.isEmpty) }

  /// Whether a reference may be used so. `read` is part of each power.
  public func may(_ power: Power, _ reference: RefName) -> Bool {
    grants(for: reference).contains { grant in
      grant.powers.contains(.administer) || (power == .read ? !grant.powers.isEmpty : grant.powers.contains(power))
    }
  }

  /// Whether a reference may be changed in any way.
  public func mayChange(_ reference: RefName) -> Bool {
    Power.allCases.contains { $0 != .read && may($0, reference) }
  }

  /// Where in a branch files may be written.
  public func writable(_ reference: RefName) -> PathScope {
    PathScope(
      grants(for: reference).filter { !$0.powers.isDisjoint(with: [.write, .administer]) }.flatMap(\.paths))
  }

  private func grants(for reference: RefName) -> some Sequence<Grant> {
    let isOwn = reference.text.utf8.starts(with: "refs/lares/".utf8)
    // HEAD is another name for what has rights by its own.
    return grants.lazy.filter { grant in
      reference != .head && (!isOwn || grant.powers.contains(.administer))
        && grant.references.contains { $0.matches(reference.text) }
    }
  }
}
