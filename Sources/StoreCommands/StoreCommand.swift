public import ArgumentParser

/// `lares store`: versioned repositories from the command line.
public struct StoreCommand: ParsableCommand {
  public static let configuration = CommandConfiguration(
    commandName: "store",
    abstract: "Keep data with its history, in repositories that stock Git can read.",
    discussion: """
      A repository is a bare Git repository. Each change is a commit that survives power loss before the command ends. \
      The repository is the folder of --repository, else of LARES_STORE, else the current one.

      \(ExitStatus.help)
      """,
    groupedSubcommands: [
      CommandGroup(
        name: "Values",
        subcommands: [
          GetCommand.self, SetCommand.self, RemoveCommand.self, ListCommand.self, TreeCommand.self, WatchCommand.self,
        ]),
      CommandGroup(
        name: "History",
        subcommands: [
          LogCommand.self, LastModifiedCommand.self, ShowCommand.self, DiffCommand.self, RevertCommand.self,
          SnapshotCommand.self, DotCommand.self, CatCommand.self,
        ]),
      CommandGroup(
        name: "Branches",
        subcommands: [
          BranchesCommand.self, MergeCommand.self, ConflictsCommand.self, ResolveCommand.self, MergeDriverCommand.self,
          FilterCommand.self,
        ]),
      CommandGroup(
        name: "Repositories",
        subcommands: [
          InitCommand.self, CloneCommand.self, FetchCommand.self, PullCommand.self, PushCommand.self,
          BundleCommand.self, ServeRepositoriesCommand.self, PasswordCommand.self,
        ]),
      CommandGroup(
        name: "Upkeep",
        subcommands: [
          BackupCommand.self, RestoreCommand.self, RetainCommand.self, CollectCommand.self, ForgetCommand.self,
        ]),
    ])

  public init() {}
}
