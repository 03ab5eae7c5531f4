// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

/// @title Tasks, verdicts and the ledger
/// @notice Three nodes run a task, commit to and reveal their scores; those who agree are paid.
/// In the order of the journey: deposit, createTask, start, commit, reveal, reportUploaded, withdraw.
/// Amounts are in wei of CNX, times in seconds.
interface ITaskConsensus {
    /// @notice Image: any node with enough VRAM, scores agree by Hamming distance. Text: three equal GPUs, scores agree by equality.
    enum Kind {
        Image,
        Text
    }

    /// @notice Where a task is in its life.
    enum State {
        None,
        Queued, // paid for, waits for its draw
        Started, // three nodes drawn, they compute and commit
        Revealing,
        AwaitingUpload, // scores agree; the uploader brings the result to the relay
        Completed,
        Aborted
    }

    /// @notice Why a task was aborted.
    enum AbortReason {
        None,
        Cancelled, // by its creator while queued
        NotEnoughReveals, // fewer than two of three spoke in time
        NoAgreement,
        InvalidArguments, // agreed error 1
        ArgumentsUnavailable, // agreed error 2
        ModelUnavailable, // agreed error 3
        NotUploaded // nobody brought the result
    }

    /// @notice What the creator of a task asks for.
    struct TaskRequest {
        bytes32 taskKey; // chosen by the creator; the same key never makes two tasks
        Kind kind;
        uint8 imageCount; // 1…10 for images (a score has 8 bytes for each), 0 for text
        uint32 minVramGb; // least VRAM of the nodes, GB; 0 for any
        bytes32 gpuModel; // keccak256 of the name of the nodes' GPU model, or zero for any (three equal ones for text)
        uint32 executionTimeoutSeconds; // from start to the commit deadline
        address relay; // receipt signer, must be one of the owner's relays
        bytes32 argsHash; // keccak256(keccak256(salt ‖ canonical arguments) ‖ key for the result)
        uint256 feeWei;
    }

    /// @notice One drawn node's part in a task.
    struct SlotView {
        address node;
        bool committed;
        bool revealed;
        uint8 outcome; // 0 result, 1 InvalidArguments, 2 ArgumentsUnavailable, 3 ModelUnavailable
        bytes32 commitment; // zero when none, or when no longer kept after the reveal
        bytes score; // empty until revealed
    }

    /// @notice Everything about one task, as a transaction would find it now. Of the draw block and the deadlines only the one
    /// that counts in the present state is given; the others are zero.
    struct TaskView {
        State state;
        AbortReason abortReason;
        Kind kind;
        uint8 imageCount;
        address creator;
        address relay;
        uint64 createdBlock; // where its TaskQueued is, which names argsHash
        bytes32 gpuModel;
        uint32 minVramGb;
        uint32 executionTimeoutSeconds;
        uint256 feeWei;
        uint64 drawBlock;
        uint64 commitDeadline;
        uint64 revealDeadline;
        uint64 uploadDeadline; // also while a faulty upload is being replaced
        address uploader; // who is to upload now, or who did; zero before the verdict
        bool redelivery; // Completed, but the upload was proven faulty and `uploader` is to replace it until uploadDeadline
        SlotView[3] slots; // in the order of the draw; nodes are zero while queued
    }

    /// @notice CNX came into the ledger.
    event Deposited(address indexed account, uint256 amountWei);
    /// @notice CNX left the ledger.
    event Withdrawn(address indexed account, address indexed to, uint256 amountWei);
    /// @notice A task was created and paid for.
    /// @dev argsHash, see TaskRequest, is for the nodes and the relay. The contract never looks at it.
    event TaskQueued(bytes32 indexed taskId, address indexed creator, Kind kind, uint256 feeWei, bytes32 argsHash);
    /// @notice The draw block's hash was forgotten: another block decides the draw.
    event TaskRedrawn(bytes32 indexed taskId, uint256 drawBlock);
    /// @notice `node0`, `node1` and `node2` were drawn; they are the slots 0, 1 and 2.
    /// @dev The nodes are the indexed fields, so that a node finds its own tasks with one log query for each place.
    event TaskStarted(
        bytes32 taskId, address indexed node0, address indexed node1, address indexed node2, uint256 commitDeadline
    );
    /// @notice A drawn node promised an outcome.
    event Committed(bytes32 indexed taskId, address indexed node, bytes32 commitment);
    /// @notice The drawn nodes can show what they promised.
    /// @dev Only where the commit deadline opened the reveals with two commits. With the third commit they open by themselves.
    event RevealsOpened(bytes32 indexed taskId, uint256 revealDeadline);
    /// @notice A drawn node showed its outcome: 0 result, 1 to 3 an error.
    /// @dev The score is in `task`.
    event Revealed(bytes32 indexed taskId, address indexed node, uint8 outcome);
    /// @notice It is the turn of `uploader` to bring the result to the relay.
    event UploadAwaited(bytes32 indexed taskId, address indexed uploader, uint256 uploadDeadline);
    /// @notice A node let its time for the upload pass.
    event UploadMissed(bytes32 indexed taskId, address indexed node);
    /// @notice The result is at the relay.
    /// @dev Of several (after a proven fault) the last one counts. resultDigest is for the app and the relay: kept only here.
    event UploadReported(bytes32 indexed taskId, address indexed uploader, bytes32 resultDigest, uint64 sizeBytes);
    /// @notice The relay proved that the upload does not match the agreed score.
    event UploadFaulted(bytes32 indexed taskId, address indexed uploader, bytes32 resultDigest);
    /// @notice A node earned `amountWei`, which is in the ledger of its beneficiary.
    event NodePaid(bytes32 indexed taskId, address indexed node, address beneficiary, uint256 amountWei);
    /// @notice A node did not speak in time and was penalised.
    event NodeSilent(bytes32 indexed taskId, address indexed node);
    /// @notice A node contradicted the majority, or uploaded something else, and was slashed.
    event NodeCheated(bytes32 indexed taskId, address indexed node);
    /// @notice The task ended well.
    event TaskCompleted(bytes32 indexed taskId);
    /// @notice The task ended without a result.
    event TaskAborted(bytes32 indexed taskId, AbortReason reason, uint256 refundWei);

    /// @notice Moves CNX into the caller's ledger balance (needs an allowance).
    function deposit(uint256 amountWei) external;

    /// @notice `deposit` with an EIP-2612 permit of the caller.
    function depositWithPermit(uint256 amountWei, uint256 permitDeadline, uint8 v, bytes32 r, bytes32 s) external;

    /// @notice Pays out of the caller's ledger balance.
    function withdraw(address to, uint256 amountWei) external;

    /// @notice The ledger balance of an account, in wei.
    function balanceOf(address account) external view returns (uint256);

    /// @notice Escrows the fee and queues the task. `taskId = keccak256(abi.encode(creator, taskKey))`.
    function createTask(TaskRequest calldata request) external returns (bytes32 taskId);

    /// @notice Draws the three nodes, from the block after the creating one on. Anyone may call.
    /// If that block's hash is no longer known, fixes a new draw block instead (TaskRedrawn).
    function start(bytes32 taskId) external;

    /// @notice A drawn node's promise, see protocol §4.
    /// @param slot Which of the three the caller is, 0…2 in the order of TaskStarted.
    function commit(bytes32 taskId, uint256 slot, bytes32 commitment) external;

    /// @notice Shows what the caller committed to. The last reveal settles the task. After the commit deadline with two
    /// commits the first reveal opens the reveals by itself. The commitment shows that the caller is who committed.
    /// @param slot Which of the three the caller is, 0…2 in the order of TaskStarted.
    function reveal(bytes32 taskId, uint256 slot, uint8 outcome, bytes calldata score, bytes32 salt) external;

    /// @notice The uploader shows the relay's receipt for the sealed result.
    function reportUploaded(bytes32 taskId, bytes32 resultDigest, uint64 sizeBytes, bytes calldata relaySignature)
        external;

    /// @notice Shows the relay's proof that the upload does not match the agreed score: the uploader is slashed,
    /// the next agreeing node is to replace the upload. Anyone may call, until one upload window after the report.
    /// @param resultDigest What the relay found faulty. A relay seals one set of files for each uploader, and signs for no other.
    function reportFault(bytes32 taskId, bytes32 resultDigest, bytes calldata relaySignature) external;

    /// @notice Moves a task on that is past a deadline. Anyone may call.
    function advance(bytes32 taskId) external;

    /// @notice Takes back a queued task with full refund. Only its creator; and, while the hash of the draw block is known
    /// (256 blocks), only if too few nodes are free for it.
    function cancel(bytes32 taskId) external;

    /// @notice State None for an unknown task.
    function task(bytes32 taskId) external view returns (TaskView memory);

    /// @notice The id of the task that `creator` makes, or made, with `taskKey`.
    function taskIdOf(address creator, bytes32 taskKey) external pure returns (bytes32);

    /// @notice The public address of a relay, empty for none.
    function relayUrl(address signer) external view returns (string memory);

    /// @notice The signers of all relays that new tasks can name.
    function relays() external view returns (address[] memory);

    /// @notice Two pictures agree when each 8 bytes of their scores differ in fewer bits than this.
    function hammingThreshold() external view returns (uint256);
    /// @notice The least time for computing that a creator may give.
    function minimumExecutionTimeoutSeconds() external view returns (uint256);
    /// @notice The most time for computing that a creator may give.
    function maximumExecutionTimeoutSeconds() external view returns (uint256);
    /// @notice From the opening of reveals to their end.
    function revealWindowSeconds() external view returns (uint256);
    /// @notice The time for an upload, and then for its fault.
    function uploadWindowSeconds() external view returns (uint256);
    /// @notice What part of the fee goes to those who agree on an error, in hundredths of a percent.
    function errorFeeBasisPoints() external view returns (uint256);
}
