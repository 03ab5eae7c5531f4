// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Ownable, Ownable2Step} from "@openzeppelin/contracts/access/Ownable2Step.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Permit.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {EfficientHashLib} from "solady/utils/EfficientHashLib.sol";
import {IChallengeWindow} from "./interfaces/IChallengeWindow.sol";
import {INodePools} from "./interfaces/INodePools.sol";
import {ITaskConsensus} from "./interfaces/ITaskConsensus.sol";
import {Errors} from "./libraries/Errors.sol";
import {OutcomeTable} from "./libraries/OutcomeTable.sol";
import {Score} from "./libraries/Score.sol";
import {Head, TaskHead} from "./libraries/TaskHead.sol";

/// @title Tasks, verdicts and the ledger
/// @notice See ITaskConsensus. At any time the sum of all ledger balances, of the fees of tasks that have not ended and of
/// the bounties of replacements that are awaited is what this contract holds of the token.
/// @dev Admin powers, all of the (two-step) owner: `setRelay`, `removeRelay`; `setExecutionTimeouts`, `setRevealWindow`,
/// `setUploadWindow`, `setHammingThreshold`, `setErrorFee`, `setMinimumFee`, each within hard bounds. The owner can touch
/// neither balances nor escrow nor verdicts; but relays vouch for uploads and their faults, so the owner's choice of
/// relays is trusted with the stake of uploaders.
contract TaskConsensus is ITaskConsensus, IChallengeWindow, Ownable2Step, EIP712 {
    using SafeERC20 for IERC20;

    struct Task {
        address creator;
        uint48 createdBlock;
        uint40 layout; // of the pools when the draw block was fixed
        Head head;
        Nodes nodes;
        bytes32[3] words; // a slot's commitment; from its reveal on the first 32 bytes of its score
        bytes32 gpuModel; // see Head
        Replacement replacement;
        mapping(uint256 slot => bytes32[2]) scoreTails; // bytes 32…95 of a score
    }

    /// @dev The three that were drawn, in two words.
    struct Nodes {
        address first;
        uint96 thirdHigh; // the left 96 bits of the third
        address second;
        uint64 thirdLow;
    }

    /// @dev Only used after a faulty upload.
    struct Replacement {
        bool awaited;
        uint96 bountyWei; // out of the stake of whoever uploaded the faulty result
    }

    struct Parameters {
        uint16 minimumExecutionTimeoutSeconds;
        uint16 maximumExecutionTimeoutSeconds;
        uint16 revealWindowSeconds;
        uint16 uploadWindowSeconds;
        uint16 errorFeeBasisPoints;
        uint16 relayCount; // that were ever set
        uint8 hammingThreshold;
        uint96 minimumFeeWei;
    }

    /// @dev A removed relay keeps its entry, so that tasks that named it can end.
    struct Relay {
        address signer;
        bool active;
        string url;
    }

    // Hard bounds of the owner's parameters; both ends are allowed.
    /// @notice Least time for computing that the owner can set.
    uint256 public constant SHORTEST_EXECUTION_TIMEOUT_SECONDS = 5;
    /// @notice Most time for computing that the owner can set.
    uint256 public constant LONGEST_EXECUTION_TIMEOUT_SECONDS = 7_200;
    /// @notice Least time for reveals, and for uploads, that the owner can set.
    uint256 public constant SHORTEST_WINDOW_SECONDS = 10;
    /// @notice Most time for reveals, and for uploads, that the owner can set.
    uint256 public constant LONGEST_WINDOW_SECONDS = 3_600;
    /// @notice Least threshold that the owner can set, in bits: equal pictures only.
    uint256 public constant LOWEST_HAMMING_THRESHOLD = 1;
    /// @notice Most that the owner can let pictures differ, in bits of each 8 bytes.
    uint256 public constant HIGHEST_HAMMING_THRESHOLD = 16;
    /// @notice Most of the fee that can go to who agrees on an error, in hundredths of a percent.
    uint256 public constant HIGHEST_ERROR_FEE_BASIS_POINTS = 5_000;
    /// @notice Lowest minimum fee that the owner can set: one wei for each node.
    uint256 public constant LOWEST_MINIMUM_FEE_WEI = 3;
    /// @notice Highest minimum fee that the owner can set.
    uint256 public constant HIGHEST_MINIMUM_FEE_WEI = 1_000 ether;
    /// @notice Most images, number of, that a task can ask for.
    uint256 public constant MAXIMUM_IMAGES = 10;
    /// @notice Longest public address of a relay, in bytes.
    uint256 public constant LONGEST_RELAY_URL_BYTES = 255;

    /// @dev EIP-712 type hashes of what a relay signs.
    bytes32 private constant _UPLOAD_RECEIPT =
        keccak256("UploadReceipt(bytes32 taskId,bytes32 resultDigest,uint64 sizeBytes,address uploader)");
    bytes32 private constant _UPLOAD_FAULT =
        keccak256("UploadFault(bytes32 taskId,bytes32 resultDigest,address uploader)");
    /// @dev The hash of an older block is not known to the chain any more.
    uint256 private constant _BLOCK_HASHES = 256;

    /// @notice The CNX token.
    IERC20 public immutable TOKEN;
    /// @notice Where nodes and stakes are.
    INodePools public immutable REGISTRY;

    /// @inheritdoc ITaskConsensus
    mapping(address account => uint256 balanceWei) public balanceOf;

    mapping(bytes32 taskId => Task) private _tasks;
    Parameters private _parameters = Parameters({
        minimumExecutionTimeoutSeconds: 60,
        maximumExecutionTimeoutSeconds: 7_200,
        revealWindowSeconds: 300,
        uploadWindowSeconds: 600,
        errorFeeBasisPoints: 2_000,
        relayCount: 0,
        hammingThreshold: 5,
        minimumFeeWei: 3
    });
    mapping(uint256 relayId => Relay) private _relays;
    mapping(address signer => uint16 relayId) private _relayIds;

    /// @notice The owner added a relay, or changed its public address.
    event RelaySet(address indexed signer, string url);
    /// @notice The owner removed a relay.
    event RelayRemoved(address indexed signer);
    /// @notice The owner set the parameter `name` (as ASCII) to `value`, in the unit that the name ends with.
    event ParameterSet(bytes32 indexed name, uint256 value);
    /// @notice A faulty upload was not replaced by anybody: the bounty went to the creator.
    event RedeliveryFailed(bytes32 indexed taskId, uint256 refundWei);

    /// @notice Refuses a registry that obeys another contract, or that lets stakes leave too early.
    constructor(IERC20 token, INodePools registry, address initialOwner) Ownable(initialOwner) EIP712("Crynux", "1") {
        TOKEN = token;
        REGISTRY = registry;
        if (registry.CONSENSUS() != address(this)) {
            revert Errors.TaskConsensus_RegistryForeign(address(registry), registry.CONSENSUS());
        }
        _requireLongEnough(registry.unbondingSeconds(), _parameters.uploadWindowSeconds);
    }

    // ------------------------------------------------------------------ ledger

    /// @inheritdoc ITaskConsensus
    function deposit(uint256 amountWei) external {
        _deposit(amountWei);
    }

    /// @inheritdoc ITaskConsensus
    function depositWithPermit(uint256 amountWei, uint256 permitDeadline, uint8 v, bytes32 r, bytes32 s) external {
        // A permit that someone else already used has left its allowance: then the transfer decides.
        try IERC20Permit(address(TOKEN)).permit(msg.sender, address(this), amountWei, permitDeadline, v, r, s) {}
            catch {}
        _deposit(amountWei);
    }

    /// @inheritdoc ITaskConsensus
    function withdraw(address to, uint256 amountWei) external {
        if (amountWei == 0) revert Errors.TaskConsensus_AmountZero();
        if (to == address(0)) revert Errors.TaskConsensus_RecipientZero();
        _debit(msg.sender, amountWei);
        emit Withdrawn(msg.sender, to, amountWei);
        TOKEN.safeTransfer(to, amountWei);
    }

    // ------------------------------------------------------------------ the task's journey

    /// @inheritdoc ITaskConsensus
    function createTask(TaskRequest calldata request) external returns (bytes32 taskId) {
        taskId = taskIdOf(msg.sender, request.taskKey);
        Task storage task_ = _tasks[taskId];
        if (task_.creator != address(0)) revert Errors.TaskConsensus_TaskExists(taskId);
        Parameters memory parameters = _parameters;
        _requireValid(request, parameters);
        uint16 relayId = _relayIds[request.relay];
        if (relayId == 0) revert Errors.TaskConsensus_RelayUnknown(request.relay);

        _debit(msg.sender, request.feeWei);
        (task_.creator, task_.createdBlock, task_.layout) = (msg.sender, uint48(block.number), REGISTRY.layout());
        if (request.gpuModel != 0) task_.gpuModel = request.gpuModel;
        task_.head = TaskHead.queued(
            request, relayId, block.number, parameters.revealWindowSeconds, parameters.hammingThreshold
        );
        emit TaskQueued(taskId, msg.sender, request.kind, request.feeWei, request.argsHash);
    }

    /// @inheritdoc ITaskConsensus
    function start(bytes32 taskId) external {
        (Task storage task_, Head head) = _load(taskId);
        if (head.state() != State.Queued) revert Errors.TaskConsensus_WrongState(taskId, head.state());
        uint256 drawBlock = head.deadline();
        if (block.number <= drawBlock) revert Errors.TaskConsensus_DrawTooEarly(taskId, drawBlock, block.number);
        if (block.number > drawBlock + _BLOCK_HASHES) {
            task_.head = head.withDeadline(block.number);
            task_.layout = REGISTRY.layout();
            emit TaskRedrawn(taskId, block.number);
            return;
        }

        address[3] memory wallets = REGISTRY.draw(
            INodePools.Draw({
                seed: EfficientHashLib.hash(blockhash(drawBlock), taskId),
                drawBlock: uint48(drawBlock),
                layout: task_.layout,
                sameGpu: head.kind() == Kind.Text,
                minVramGb: head.minVramGb(),
                gpuModel: head.namesGpuModel() ? task_.gpuModel : bytes32(0)
            })
        );
        task_.nodes = Nodes({
            first: wallets[0],
            thirdHigh: uint96(uint160(wallets[2]) >> 64),
            second: wallets[1],
            thirdLow: uint64(uint160(wallets[2]))
        });
        uint256 deadline = block.timestamp + head.executionTimeoutSeconds();
        task_.head = head.withState(State.Started).withDeadline(deadline);
        emit TaskStarted(taskId, wallets[0], wallets[1], wallets[2], deadline);
    }

    /// @inheritdoc ITaskConsensus
    function commit(bytes32 taskId, uint256 slot, bytes32 commitment) external {
        (Task storage task_, Head head) = _load(taskId);
        if (head.state() != State.Started) revert Errors.TaskConsensus_WrongState(taskId, head.state());
        if (block.timestamp > head.deadline()) {
            revert Errors.TaskConsensus_CommitDeadlinePassed(taskId, head.deadline(), block.timestamp);
        }
        if (slot > 2 || msg.sender != _nodeOf(task_, slot)) revert Errors.TaskConsensus_NotDrawn(taskId, msg.sender);
        if (head.committed(slot)) revert Errors.TaskConsensus_AlreadyCommitted(taskId, msg.sender);
        if (commitment == 0) revert Errors.TaskConsensus_CommitmentZero(taskId);

        head = head.withCommit(slot);
        task_.words[slot] = commitment;
        emit Committed(taskId, msg.sender, commitment);
        if (head.commits() == 3) head = _openReveals(head, block.timestamp);
        task_.head = head;
    }

    /// @inheritdoc ITaskConsensus
    function reveal(bytes32 taskId, uint256 slot, uint8 outcome, bytes calldata score, bytes32 salt) external {
        (Task storage task_, Head head) = _load(taskId);
        if (head.state() == State.Started) {
            if (!_revealsAreDue(head)) {
                revert Errors.TaskConsensus_RevealsNotOpen(taskId, head.commits(), head.deadline());
            }
            head = _openLate(taskId, head);
        }
        if (head.state() != State.Revealing) revert Errors.TaskConsensus_WrongState(taskId, head.state());
        if (block.timestamp > head.deadline()) {
            revert Errors.TaskConsensus_RevealDeadlinePassed(taskId, head.deadline(), block.timestamp);
        }
        if (slot > 2) revert Errors.TaskConsensus_NotDrawn(taskId, msg.sender);
        if (!head.committed(slot)) revert Errors.TaskConsensus_NotCommitted(taskId, msg.sender);
        if (head.revealed(slot)) revert Errors.TaskConsensus_AlreadyRevealed(taskId, msg.sender);
        if (outcome > OutcomeTable.MODEL_UNAVAILABLE) revert Errors.TaskConsensus_OutcomeUnknown(outcome);
        uint256 expected = _scoreLength(head, outcome);
        if (score.length != expected) revert Errors.TaskConsensus_ScoreLengthWrong(score.length, expected);
        // A promise that was copied from another slot names the other node, and neither of the two can show it here.
        if (msg.sender != _nodeOf(task_, slot) || _commitmentOf(taskId, outcome, score, salt) != task_.words[slot]) {
            revert Errors.TaskConsensus_CommitmentMismatch(taskId, msg.sender);
        }

        head = head.withReveal(slot, outcome);
        _keepScore(task_, slot, score);
        emit Revealed(taskId, msg.sender, outcome);
        // The verdict is certain when everyone who committed has revealed: nobody can commit any more.
        if (head.reveals() == head.commits()) _settle(taskId, task_, head);
        else task_.head = head;
    }

    /// @inheritdoc ITaskConsensus
    function reportUploaded(bytes32 taskId, bytes32 resultDigest, uint64 sizeBytes, bytes calldata relaySignature)
        external
    {
        (Task storage task_, Head head) = _load(taskId);
        bool replacing = head.state() == State.Completed && task_.replacement.awaited;
        if (head.state() != State.AwaitingUpload && !replacing) {
            revert Errors.TaskConsensus_WrongState(taskId, head.state());
        }
        uint256 slot = head.uploader();
        if (msg.sender != _nodeOf(task_, slot)) revert Errors.TaskConsensus_NotUploader(taskId, msg.sender);
        if (block.timestamp > head.deadline()) {
            revert Errors.TaskConsensus_UploadDeadlinePassed(taskId, head.deadline(), block.timestamp);
        }
        if (resultDigest == 0) revert Errors.TaskConsensus_ResultDigestZero(taskId);
        _requireSigned(
            taskId,
            head,
            keccak256(abi.encode(_UPLOAD_RECEIPT, taskId, resultDigest, sizeBytes, msg.sender)),
            relaySignature
        );

        INodePools.Action action = INodePools.Action.None;
        uint256 owedWei;
        if (replacing) {
            owedWei = task_.replacement.bountyWei;
            delete task_.replacement;
        } else {
            owedWei = _unpaidWei(head);
            // A later uploader was let go of at the verdict, and may hold another task by now.
            if (slot == head.firstAgreed()) action = INodePools.Action.Free;
            head = head.withState(State.Completed);
        }
        uint256 deadline = block.timestamp + _parameters.uploadWindowSeconds;
        task_.head = head.withDeadline(deadline);
        emit UploadReported(taskId, msg.sender, resultDigest, sizeBytes);
        if (!replacing) emit TaskCompleted(taskId);
        address beneficiary = REGISTRY.settleOne(msg.sender, action);
        // Whatever the owner makes of unbonding: the stake answers for the upload to the last second.
        REGISTRY.holdStake(msg.sender, deadline + 1);
        _pay(taskId, msg.sender, beneficiary, owedWei);
    }

    /// @inheritdoc ITaskConsensus
    function reportFault(bytes32 taskId, bytes32 resultDigest, bytes calldata relaySignature) external {
        (Task storage task_, Head head) = _load(taskId);
        if (head.state() != State.Completed || task_.replacement.awaited) {
            revert Errors.TaskConsensus_WrongState(taskId, head.state());
        }
        if (block.timestamp > head.deadline()) {
            revert Errors.TaskConsensus_FaultWindowClosed(taskId, head.deadline(), block.timestamp);
        }
        // A relay that was removed may be one whose key was stolen: it cannot take stakes any more.
        Relay storage relay = _relays[head.relayId()];
        if (!relay.active) revert Errors.TaskConsensus_RelayUnknown(relay.signer);
        address uploader = _nodeOf(task_, head.uploader());
        _requireSigned(
            taskId, head, keccak256(abi.encode(_UPLOAD_FAULT, taskId, resultDigest, uploader)), relaySignature
        );

        emit UploadFaulted(taskId, uploader, resultDigest);
        emit NodeCheated(taskId, uploader);
        uint256 bountyWei = REGISTRY.slashForBounty(uploader, _shareWei(head));
        task_.replacement = Replacement({awaited: true, bountyWei: uint96(bountyWei)});
        _awaitNextUploader(taskId, task_, head);
    }

    /// @inheritdoc ITaskConsensus
    function advance(bytes32 taskId) external {
        (Task storage task_, Head head) = _load(taskId);
        State state = head.state();
        bool awaitsUpload = state == State.AwaitingUpload || (state == State.Completed && task_.replacement.awaited);
        if ((state != State.Started && state != State.Revealing && !awaitsUpload) || block.timestamp <= head.deadline())
        {
            revert Errors.TaskConsensus_NothingToAdvance(taskId, state, head.deadline());
        }

        if (awaitsUpload) {
            _missUpload(taskId, task_, head);
            return;
        }
        if (state == State.Started) {
            if (head.commits() < 2) {
                _settle(taskId, task_, head);
                return;
            }
            head = _openLate(taskId, head);
        }
        if (block.timestamp > head.deadline()) _settle(taskId, task_, head);
        else task_.head = head;
    }

    /// @inheritdoc ITaskConsensus
    function cancel(bytes32 taskId) external {
        (Task storage task_, Head head) = _load(taskId);
        if (msg.sender != task_.creator) revert Errors.TaskConsensus_NotCreator(taskId, msg.sender);
        if (head.state() != State.Queued) revert Errors.TaskConsensus_WrongState(taskId, head.state());
        if (block.number > head.deadline() && block.number <= head.deadline() + _BLOCK_HASHES) {
            // Now everybody knows who is to be drawn. A creator who could decline would create and cancel until he likes them.
            try this.start(taskId) {
                revert Errors.TaskConsensus_CanStart(taskId);
            } catch (bytes memory reason) {
                // Any other reason would be too little gas for that trial.
                if (bytes4(reason) != Errors.NodeRegistry_TooFewNodes.selector) {
                    revert Errors.TaskConsensus_CanStart(taskId);
                }
            }
        }
        _abort(taskId, task_, head, AbortReason.Cancelled, head.feeWei());
    }

    // ------------------------------------------------------------------ reading

    /// @inheritdoc ITaskConsensus
    function task(bytes32 taskId) external view returns (TaskView memory view_) {
        Task storage task_ = _tasks[taskId];
        if (task_.creator == address(0)) return view_;
        (, Head head) = _load(taskId);
        // As a transaction in this block would find it.
        if (head.state() == State.Started && _revealsAreDue(head)) {
            head = _openReveals(head, head.deadline());
        }
        view_.state = head.state();
        view_.abortReason = head.abortReason();
        view_.kind = head.kind();
        view_.imageCount = head.imageCount();
        view_.creator = task_.creator;
        view_.relay = _relays[head.relayId()].signer;
        view_.createdBlock = task_.createdBlock;
        view_.gpuModel = task_.gpuModel;
        view_.minVramGb = head.minVramGb();
        view_.executionTimeoutSeconds = head.executionTimeoutSeconds();
        view_.feeWei = head.feeWei();
        view_.redelivery = task_.replacement.awaited;
        if (head.state() == State.Queued) view_.drawBlock = head.deadline();
        if (head.state() == State.Started) view_.commitDeadline = head.deadline();
        if (head.state() == State.Revealing) view_.revealDeadline = head.deadline();
        if (head.state() == State.AwaitingUpload || head.state() == State.Completed) {
            view_.uploadDeadline = head.deadline();
            view_.uploader = _nodeOf(task_, head.uploader());
        }
        if (!head.drawn()) return view_;
        for (uint256 slot = 0; slot < 3; ++slot) {
            SlotView memory slot_ = view_.slots[slot];
            slot_.node = _nodeOf(task_, slot);
            slot_.committed = head.committed(slot);
            slot_.revealed = head.revealed(slot);
            if (slot_.revealed) {
                slot_.outcome = head.outcome(slot);
                slot_.score = _score(task_, head, slot);
            } else {
                slot_.commitment = task_.words[slot];
            }
        }
    }

    /// @inheritdoc ITaskConsensus
    function taskIdOf(address creator, bytes32 taskKey) public pure returns (bytes32) {
        return EfficientHashLib.hash(bytes32(uint256(uint160(creator))), taskKey);
    }

    /// @inheritdoc ITaskConsensus
    function relayUrl(address signer) external view returns (string memory) {
        uint16 relayId = _relayIds[signer];
        return relayId == 0 ? "" : _relays[relayId].url;
    }

    /// @inheritdoc ITaskConsensus
    function relays() external view returns (address[] memory signers) {
        uint256 last = _parameters.relayCount;
        signers = new address[](last);
        uint256 count;
        for (uint256 relayId = 1; relayId <= last; ++relayId) {
            if (_relays[relayId].active) signers[count++] = _relays[relayId].signer;
        }
        assembly ("memory-safe") {
            mstore(signers, count)
        }
    }

    /// @inheritdoc ITaskConsensus
    function hammingThreshold() external view returns (uint256) {
        return _parameters.hammingThreshold;
    }

    /// @inheritdoc ITaskConsensus
    function minimumExecutionTimeoutSeconds() external view returns (uint256) {
        return _parameters.minimumExecutionTimeoutSeconds;
    }

    /// @inheritdoc ITaskConsensus
    function maximumExecutionTimeoutSeconds() external view returns (uint256) {
        return _parameters.maximumExecutionTimeoutSeconds;
    }

    /// @inheritdoc ITaskConsensus
    function revealWindowSeconds() external view returns (uint256) {
        return _parameters.revealWindowSeconds;
    }

    /// @inheritdoc ITaskConsensus
    function uploadWindowSeconds() external view returns (uint256) {
        return _parameters.uploadWindowSeconds;
    }

    /// @inheritdoc ITaskConsensus
    function errorFeeBasisPoints() external view returns (uint256) {
        return _parameters.errorFeeBasisPoints;
    }

    /// @notice The lowest fee of a task, in wei.
    function minimumFeeWei() external view returns (uint256) {
        return _parameters.minimumFeeWei;
    }

    /// @inheritdoc IChallengeWindow
    function longestChallengeSeconds() external view returns (uint256) {
        return _challengeSeconds(_parameters.uploadWindowSeconds);
    }

    // ------------------------------------------------------------------ for the owner

    /// @notice Adds a relay, or changes the public address of one.
    /// @dev Admin power: relays vouch for uploads and for their faults.
    function setRelay(address signer, string calldata url) external onlyOwner {
        if (signer == address(0)) revert Errors.TaskConsensus_RelayZero();
        uint256 length = bytes(url).length;
        if (length == 0 || length > LONGEST_RELAY_URL_BYTES) {
            revert Errors.TaskConsensus_RelayUrlLengthWrong(length, 1, LONGEST_RELAY_URL_BYTES);
        }
        uint16 relayId = _relayIds[signer];
        if (relayId == 0) {
            relayId = _parameters.relayCount;
            if (relayId == type(uint16).max) revert Errors.TaskConsensus_TooManyRelays(type(uint16).max);
            ++relayId;
            _relays[relayId] = Relay({signer: signer, active: true, url: url});
            (_relayIds[signer], _parameters.relayCount) = (relayId, relayId);
        } else {
            _relays[relayId].url = url;
        }
        emit RelaySet(signer, url);
    }

    /// @notice Removes a relay. Tasks that named it can still be delivered; it cannot fault uploads any more.
    /// @dev Admin power.
    function removeRelay(address signer) external onlyOwner {
        uint16 relayId = _relayIds[signer];
        if (relayId == 0) revert Errors.TaskConsensus_RelayUnknown(signer);
        delete _relayIds[signer];
        _relays[relayId].active = false;
        _relays[relayId].url = "";
        emit RelayRemoved(signer);
    }

    /// @notice Sets between which times for computing a creator may choose, in seconds.
    /// @dev Admin power, within SHORTEST_EXECUTION_TIMEOUT_SECONDS and LONGEST_EXECUTION_TIMEOUT_SECONDS.
    function setExecutionTimeouts(uint256 minimumSeconds, uint256 maximumSeconds) external onlyOwner {
        _requireWithin(
            "maximumExecutionTimeoutSeconds",
            maximumSeconds,
            SHORTEST_EXECUTION_TIMEOUT_SECONDS,
            LONGEST_EXECUTION_TIMEOUT_SECONDS
        );
        _requireWithin(
            "minimumExecutionTimeoutSeconds", minimumSeconds, SHORTEST_EXECUTION_TIMEOUT_SECONDS, maximumSeconds
        );
        _parameters.minimumExecutionTimeoutSeconds = uint16(minimumSeconds);
        _parameters.maximumExecutionTimeoutSeconds = uint16(maximumSeconds);
        emit ParameterSet("minimumExecutionTimeoutSeconds", minimumSeconds);
        emit ParameterSet("maximumExecutionTimeoutSeconds", maximumSeconds);
    }

    /// @notice Sets the time for revealing, in seconds, for tasks that are created from now on.
    /// @dev Admin power, within SHORTEST_WINDOW_SECONDS and LONGEST_WINDOW_SECONDS.
    function setRevealWindow(uint256 seconds_) external onlyOwner {
        _requireWithin("revealWindowSeconds", seconds_, SHORTEST_WINDOW_SECONDS, LONGEST_WINDOW_SECONDS);
        _parameters.revealWindowSeconds = uint16(seconds_);
        emit ParameterSet("revealWindowSeconds", seconds_);
    }

    /// @notice Sets the time for uploading, and then for faulting the upload, in seconds, for windows that open from now on.
    /// @dev Admin power, within SHORTEST_WINDOW_SECONDS and LONGEST_WINDOW_SECONDS, and only as long as the longest
    /// challenge that follows from it is not longer than unbonding: raise that first.
    function setUploadWindow(uint256 seconds_) external onlyOwner {
        _requireWithin("uploadWindowSeconds", seconds_, SHORTEST_WINDOW_SECONDS, LONGEST_WINDOW_SECONDS);
        _requireLongEnough(REGISTRY.unbondingSeconds(), seconds_);
        _parameters.uploadWindowSeconds = uint16(seconds_);
        emit ParameterSet("uploadWindowSeconds", seconds_);
    }

    /// @notice Sets below how many differing bits in each 8 bytes two pictures are the same, for tasks that are created from now on.
    /// @dev Admin power, within LOWEST_HAMMING_THRESHOLD and HIGHEST_HAMMING_THRESHOLD.
    function setHammingThreshold(uint256 bits) external onlyOwner {
        _requireWithin("hammingThreshold", bits, LOWEST_HAMMING_THRESHOLD, HIGHEST_HAMMING_THRESHOLD);
        _parameters.hammingThreshold = uint8(bits);
        emit ParameterSet("hammingThreshold", bits);
    }

    /// @notice Sets which part of the fee goes to those who agree on an error, in hundredths of a percent.
    /// @dev Admin power, up to HIGHEST_ERROR_FEE_BASIS_POINTS.
    function setErrorFee(uint256 basisPoints) external onlyOwner {
        _requireWithin("errorFeeBasisPoints", basisPoints, 0, HIGHEST_ERROR_FEE_BASIS_POINTS);
        _parameters.errorFeeBasisPoints = uint16(basisPoints);
        emit ParameterSet("errorFeeBasisPoints", basisPoints);
    }

    /// @notice Sets the lowest fee of a task, in wei: what it costs to keep three nodes busy.
    /// @dev Admin power, within LOWEST_MINIMUM_FEE_WEI and HIGHEST_MINIMUM_FEE_WEI.
    function setMinimumFee(uint256 feeWei) external onlyOwner {
        _requireWithin("minimumFeeWei", feeWei, LOWEST_MINIMUM_FEE_WEI, HIGHEST_MINIMUM_FEE_WEI);
        _parameters.minimumFeeWei = uint96(feeWei);
        emit ParameterSet("minimumFeeWei", feeWei);
    }

    // ------------------------------------------------------------------ verdict

    /// @dev For who spoke until now; who did not is silent. The fate of the task follows OutcomeTable.
    function _settle(bytes32 taskId, Task storage task_, Head head) private {
        // With fewer than two commits reveals never opened, so that who did commit could not reveal: not silent.
        bool unopened = head.state() == State.Started;
        OutcomeTable.Verdict memory verdict = _judge(task_, head);
        bool success = verdict.agreed && verdict.outcome == OutcomeTable.RESULT;

        address[3] memory wallets = [_nodeOf(task_, 0), _nodeOf(task_, 1), _nodeOf(task_, 2)];
        INodePools.Action[3] memory actions;
        for (uint256 slot = 0; slot < 3; ++slot) {
            OutcomeTable.Fate fate = verdict.fates[slot];
            if (fate == OutcomeTable.Fate.Agreed) head = head.withAgreed(slot);
            if (fate == OutcomeTable.Fate.Cheated) {
                actions[slot] = INodePools.Action.FreeAndSlash;
                emit NodeCheated(taskId, wallets[slot]);
            } else if (fate == OutcomeTable.Fate.Silent && !(unopened && head.committed(slot))) {
                actions[slot] = INodePools.Action.FreeAndPenalise;
                emit NodeSilent(taskId, wallets[slot]);
            } else {
                actions[slot] = INodePools.Action.Free;
            }
        }
        uint256 shareWei;
        // The task moves on before the registry moves any token: nobody can come in between and settle it again.
        if (success) {
            // The uploader stays busy, and is paid when it has delivered.
            uint256 uploader = head.firstAgreed();
            actions[uploader] = INodePools.Action.None;
            shareWei = _shareWei(head);
            head = head.withUploader(uploader).withState(State.AwaitingUpload);
            _awaitUpload(taskId, task_, head, wallets[uploader]);
        } else if (verdict.agreed) {
            shareWei = (head.feeWei() * _parameters.errorFeeBasisPoints) / 10_000 / head.agreeing();
            _abort(taskId, task_, head, _reasonOf(verdict.outcome), head.feeWei() - shareWei * head.agreeing());
        } else {
            AbortReason reason = head.reveals() < 2 ? AbortReason.NotEnoughReveals : AbortReason.NoAgreement;
            _abort(taskId, task_, head, reason, head.feeWei());
        }

        address[3] memory beneficiaries = REGISTRY.settle(wallets, actions);
        for (uint256 slot = 0; slot < 3; ++slot) {
            if (head.agreed(slot) && actions[slot] == INodePools.Action.Free) {
                _pay(taskId, wallets[slot], beneficiaries[slot], shareWei);
            }
        }
    }

    function _reasonOf(uint8 error_) private pure returns (AbortReason) {
        if (error_ == OutcomeTable.INVALID_ARGUMENTS) return AbortReason.InvalidArguments;
        if (error_ == OutcomeTable.ARGUMENTS_UNAVAILABLE) return AbortReason.ArgumentsUnavailable;
        return AbortReason.ModelUnavailable;
    }

    function _judge(Task storage task_, Head head) private view returns (OutcomeTable.Verdict memory) {
        uint8[3] memory outcomes;
        for (uint256 slot = 0; slot < 3; ++slot) {
            outcomes[slot] = head.revealed(slot) ? head.outcome(slot) : OutcomeTable.SILENT;
        }
        uint256 threshold = head.hammingThreshold();
        bool same01 = _same(task_, head, threshold, outcomes, 0, 1);
        bool same02 = _same(task_, head, threshold, outcomes, 0, 2);
        // Who agrees with the first agrees.
        bool same12 = !(same01 && same02) && _same(task_, head, threshold, outcomes, 1, 2);
        return OutcomeTable.judge(outcomes, same01, same02, same12);
    }

    /// @dev Whether two slots revealed the same.
    function _same(Task storage task_, Head head, uint256 threshold, uint8[3] memory outcomes, uint256 a, uint256 b)
        private
        view
        returns (bool)
    {
        if (outcomes[a] == OutcomeTable.SILENT || outcomes[a] != outcomes[b]) return false;
        if (outcomes[a] != OutcomeTable.RESULT) return true;
        if (head.kind() == Kind.Text) return task_.words[a] == task_.words[b];

        if (!Score.isNear(task_.words[a], task_.words[b], 4, threshold)) return false;
        if (head.imageCount() <= 4) return true;
        bytes32[2] storage tailA = task_.scoreTails[a];
        bytes32[2] storage tailB = task_.scoreTails[b];
        return Score.isNear(tailA[0], tailB[0], 4, threshold) && Score.isNear(tailA[1], tailB[1], 4, threshold);
    }

    // ------------------------------------------------------------------ uploads

    /// @dev The uploader let its time pass: a penalty as for silence, and the next one's turn.
    function _missUpload(bytes32 taskId, Task storage task_, Head head) private {
        uint256 slot = head.uploader();
        // Only the first uploader is still held by this task.
        bool held = head.state() == State.AwaitingUpload && slot == head.firstAgreed();
        address wallet = _nodeOf(task_, slot);
        emit UploadMissed(taskId, wallet);
        // The task moves on before the penalty moves tokens, see _settle.
        _awaitNextUploader(taskId, task_, head);
        REGISTRY.settleOne(wallet, held ? INodePools.Action.FreeAndPenalise : INodePools.Action.Penalise);
    }

    /// @dev Passes the upload to the agreeing node that committed next, if it still has a stake to answer for it with;
    /// ends the waiting when there is none.
    function _awaitNextUploader(bytes32 taskId, Task storage task_, Head head) private {
        // Its own upload and then its faults, both to the last second.
        uint256 until = block.timestamp + 2 * uint256(_parameters.uploadWindowSeconds) + 1;
        uint256 slot = head.nextAgreed(head.uploader());
        while (slot != TaskHead.NONE && !REGISTRY.holdStake(_nodeOf(task_, slot), until)) {
            slot = head.nextAgreed(slot);
        }
        if (slot != TaskHead.NONE) {
            _awaitUpload(taskId, task_, head.withUploader(slot), _nodeOf(task_, slot));
        } else if (head.state() == State.AwaitingUpload) {
            _abort(taskId, task_, head, AbortReason.NotUploaded, _unpaidWei(head));
        } else {
            uint256 bountyWei = task_.replacement.bountyWei;
            delete task_.replacement;
            // Closed from now on, so that the same fault is not shown twice.
            task_.head = head.withDeadline(block.timestamp - 1);
            balanceOf[task_.creator] += bountyWei;
            emit RedeliveryFailed(taskId, bountyWei);
        }
    }

    function _awaitUpload(bytes32 taskId, Task storage task_, Head head, address uploader) private {
        uint256 deadline = block.timestamp + _parameters.uploadWindowSeconds;
        task_.head = head.withDeadline(deadline);
        emit UploadAwaited(taskId, uploader, deadline);
    }

    function _requireSigned(bytes32 taskId, Head head, bytes32 structHash, bytes calldata signature) private view {
        address relay = _relays[head.relayId()].signer;
        (address recovered,,) = ECDSA.tryRecoverCalldata(_hashTypedDataV4(structHash), signature);
        if (recovered != relay) revert Errors.TaskConsensus_SignerWrong(taskId, recovered, relay);
    }

    /// @dev How long after its task let go of it a node can be called to account, see IChallengeWindow.
    function _challengeSeconds(uint256 uploadWindowSeconds_) private pure returns (uint256) {
        return 3 * uploadWindowSeconds_;
    }

    // ------------------------------------------------------------------ money

    function _deposit(uint256 amountWei) private {
        if (amountWei == 0) revert Errors.TaskConsensus_AmountZero();
        balanceOf[msg.sender] += amountWei;
        emit Deposited(msg.sender, amountWei);
        TOKEN.safeTransferFrom(msg.sender, address(this), amountWei);
    }

    function _debit(address account, uint256 amountWei) private {
        uint256 balanceWei = balanceOf[account];
        if (balanceWei < amountWei) {
            revert Errors.TaskConsensus_InsufficientBalance(account, balanceWei, amountWei);
        }
        balanceOf[account] = balanceWei - amountWei;
    }

    function _pay(bytes32 taskId, address node, address beneficiary, uint256 amountWei) private {
        if (amountWei == 0) return;
        balanceOf[beneficiary] += amountWei;
        emit NodePaid(taskId, node, beneficiary, amountWei);
    }

    function _abort(bytes32 taskId, Task storage task_, Head head, AbortReason reason, uint256 refundWei) private {
        task_.head = head.withAbort(reason).withDeadline(0);
        balanceOf[task_.creator] += refundWei;
        emit TaskAborted(taskId, reason, refundWei);
    }

    /// @dev What each of the agreeing nodes gets at least.
    function _shareWei(Head head) private pure returns (uint256) {
        return head.feeWei() / head.agreeing();
    }

    /// @dev What is left of the fee for who uploads: a share and the dust.
    function _unpaidWei(Head head) private pure returns (uint256) {
        uint256 feeWei = head.feeWei();
        uint256 count = head.agreeing();
        // `count` is 2 or 3.
        unchecked {
            // The dust that the division leaves is what is wanted.
            // forge-lint: disable-next-line(divide-before-multiply)
            return feeWei - (feeWei / count) * (count - 1);
        }
    }

    // ------------------------------------------------------------------ scores

    /// @dev What the caller must have committed to: keccak256(abi.encode(chain id, this contract, task, caller, outcome,
    /// keccak256(score), salt)).
    function _commitmentOf(bytes32 taskId, uint8 outcome, bytes calldata score, bytes32 salt)
        private
        view
        returns (bytes32)
    {
        return EfficientHashLib.hash(
            bytes32(block.chainid),
            bytes32(uint256(uint160(address(this)))),
            taskId,
            bytes32(uint256(uint160(msg.sender))),
            bytes32(uint256(outcome)),
            EfficientHashLib.hashCalldata(score),
            salt
        );
    }

    function _scoreLength(Head head, uint8 outcome) private pure returns (uint256) {
        if (outcome != OutcomeTable.RESULT) return 0;
        return head.kind() == Kind.Text ? 32 : 8 * uint256(head.imageCount());
    }

    function _keepScore(Task storage task_, uint256 slot, bytes calldata score) private {
        task_.words[slot] = bytes32(score);
        if (score.length > 32) {
            task_.scoreTails[slot][0] = bytes32(score[32:]);
            if (score.length > 64) task_.scoreTails[slot][1] = bytes32(score[64:]);
        }
    }

    function _score(Task storage task_, Head head, uint256 slot) private view returns (bytes memory score) {
        uint256 length = _scoreLength(head, head.outcome(slot));
        score = abi.encodePacked(task_.words[slot], task_.scoreTails[slot][0], task_.scoreTails[slot][1]);
        assembly ("memory-safe") {
            mstore(score, length)
        }
    }

    // ------------------------------------------------------------------ the head

    function _load(bytes32 taskId) private view returns (Task storage task_, Head head) {
        task_ = _tasks[taskId];
        head = task_.head;
        if (head.isNone()) revert Errors.TaskConsensus_TaskUnknown(taskId);
    }

    /// @dev Whether the commit deadline has passed with enough commits for a verdict.
    function _revealsAreDue(Head head) private view returns (bool) {
        return block.timestamp > head.deadline() && head.commits() >= 2;
    }

    function _openReveals(Head head, uint256 from) private pure returns (Head) {
        return head.withState(State.Revealing).withDeadline(from + head.revealWindowSeconds());
    }

    /// @dev The commit deadline opened the reveals, and whoever calls first after it says so.
    function _openLate(bytes32 taskId, Head head) private returns (Head) {
        head = _openReveals(head, head.deadline());
        emit RevealsOpened(taskId, head.deadline());
        return head;
    }

    /// @dev Who was drawn for a slot, 0…2.
    function _nodeOf(Task storage task_, uint256 slot) private view returns (address) {
        Nodes storage nodes = task_.nodes;
        if (slot == 0) return nodes.first;
        if (slot == 1) return nodes.second;
        return address((uint160(nodes.thirdHigh) << 64) | nodes.thirdLow);
    }

    // ------------------------------------------------------------------ bounds

    function _requireValid(TaskRequest calldata request, Parameters memory parameters) private pure {
        if (request.kind == Kind.Text) {
            if (request.imageCount != 0) revert Errors.TaskConsensus_ImageCountOutOfRange(request.imageCount, 0, 0);
        } else if (request.imageCount == 0 || request.imageCount > MAXIMUM_IMAGES) {
            revert Errors.TaskConsensus_ImageCountOutOfRange(request.imageCount, 1, MAXIMUM_IMAGES);
        }
        if (request.minVramGb > type(uint16).max) {
            revert Errors.TaskConsensus_VramOutOfRange(request.minVramGb, type(uint16).max);
        }
        if (
            request.executionTimeoutSeconds < parameters.minimumExecutionTimeoutSeconds
                || request.executionTimeoutSeconds > parameters.maximumExecutionTimeoutSeconds
        ) {
            revert Errors.TaskConsensus_ExecutionTimeoutOutOfRange(
                request.executionTimeoutSeconds,
                parameters.minimumExecutionTimeoutSeconds,
                parameters.maximumExecutionTimeoutSeconds
            );
        }
        if (request.argsHash == 0) revert Errors.TaskConsensus_ArgsHashZero();
        if (request.feeWei < parameters.minimumFeeWei || request.feeWei > type(uint96).max) {
            revert Errors.TaskConsensus_FeeOutOfRange(request.feeWei, parameters.minimumFeeWei, type(uint96).max);
        }
    }

    function _requireLongEnough(uint256 unbondingSeconds, uint256 uploadWindowSeconds_) private pure {
        uint256 needed = _challengeSeconds(uploadWindowSeconds_);
        if (unbondingSeconds < needed) revert Errors.Parameter_UnbondingTooShort(unbondingSeconds, needed);
    }

    function _requireWithin(bytes32 name, uint256 value, uint256 lower, uint256 upper) private pure {
        if (value < lower || value > upper) revert Errors.Parameter_OutOfBounds(name, value, lower, upper);
    }
}
