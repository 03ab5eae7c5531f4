// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Ownable, Ownable2Step} from "@openzeppelin/contracts/access/Ownable2Step.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Permit.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {EfficientHashLib} from "solady/utils/EfficientHashLib.sol";
import {LibBit} from "solady/utils/LibBit.sol";
import {IChallengeWindow} from "./interfaces/IChallengeWindow.sol";
import {INodePools} from "./interfaces/INodePools.sol";
import {INodeRegistry} from "./interfaces/INodeRegistry.sol";
import {Errors} from "./libraries/Errors.sol";
import {MemberPool} from "./libraries/MemberPool.sol";

/// @title Stake, lifecycle and pools of the nodes
/// @notice See INodeRegistry for the nodes' side and INodePools for TaskConsensus' side.
/// @dev Admin powers, all of the (two-step) owner: `setConsensus`, once; `setMinimumStake`, `setUnbonding`, `setPenalty`,
/// each within hard bounds. The owner can neither take a stake nor choose who is drawn.
contract NodeRegistry is INodeRegistry, INodePools, Ownable2Step {
    using SafeERC20 for IERC20;
    using MemberPool for MemberPool.Pool;

    /// @dev `wallet` is kept for ever, so that old tasks can still name their nodes.
    struct Node {
        // word 0: all that a draw touches
        address wallet;
        Status status;
        uint16 vramGb;
        uint24 modelId;
        bool held; // slashed for one task while another still counts on the node
        uint40 liableUntil; // the stake may not leave before
        // word 1
        uint96 stakeWei;
        uint40 unbondingEndsAt;
        uint40 hardwareChangeableAt;
        uint32 tierPosition;
        uint32 modelPosition;
        // word 2
        bytes32 encryptionKey;
        // word 3
        address beneficiary; // zero: the wallet
        uint40 beneficiaryChangeAt; // zero: no change is waiting
        // word 4
        address pendingBeneficiary;
    }

    // Hard bounds of the owner's parameters; both ends are allowed.
    uint256 public constant LOWEST_MINIMUM_STAKE_WEI = 1 ether;
    uint256 public constant HIGHEST_MINIMUM_STAKE_WEI = 10_000_000 ether;
    uint256 public constant SHORTEST_UNBONDING_SECONDS = 30;
    uint256 public constant LONGEST_UNBONDING_SECONDS = 30 days;
    uint256 public constant HIGHEST_PENALTY_BASIS_POINTS = 1_000;
    /// @notice Share of the minimum stake that a paused node needs to resume: a live node that was penalised once is not
    /// to be locked out until its owner sends more.
    uint256 public constant RESUME_STAKE_BASIS_POINTS = 7_500;
    uint256 public constant HIGHEST_VRAM_GB = type(uint16).max;

    uint256 private constant _TIERS = 8;
    /// @dev Members tried at random before the draw walks on from the last one. At 25 % available, 1 % of draws get there.
    uint256 private constant _TRIES = 16;
    /// @dev Hashes made for that, each of eight random numbers, of which at least one in 16 meets a member.
    uint256 private constant _HASHES = 32;
    /// @dev Members that a walk looks at which have too little VRAM, before it gives up on their pool.
    uint256 private constant _LOOKS = 32;
    /// @dev Random members whose GPU model is tried, when any model will do, and then models in turn.
    uint256 private constant _LEADERS = 8;
    uint256 private constant _MODELS = 32;

    /// @notice The CNX token.
    IERC20 public immutable TOKEN;
    /// @notice Where penalties and slashed stakes go.
    address public immutable INCENTIVE_POOL;

    /// @notice The only contract that may draw, penalise and slash. Set once.
    address public consensus;
    uint96 private _minimumStakeWei = 400 ether;
    uint40 private _unbondingSeconds = 1_800;
    uint16 private _penaltyBasisPoints = 200;
    uint32 private _lastId;

    /// @dev Number of members of each tier, 32 bits each, lowest tier rightmost.
    uint256 private _tierSizes;
    mapping(uint256 tier => MemberPool.Pool) private _tiers;
    mapping(uint256 modelId => MemberPool.Pool) private _models;
    mapping(bytes32 gpuModel => uint24 modelId) private _modelIds;
    bytes32[] private _modelNames; // of modelId i at i - 1
    mapping(uint256 id => Node) private _nodes;
    /// @inheritdoc INodePools
    mapping(address wallet => uint32 id) public idOf;

    event ConsensusSet(address consensus);
    event MinimumStakeSet(uint256 stakeWei);
    event UnbondingSet(uint256 unbondingSeconds);
    event PenaltySet(uint256 basisPoints);

    modifier onlyConsensus() {
        if (msg.sender != consensus) revert Errors.NodeRegistry_NotConsensus(msg.sender);
        _;
    }

    constructor(IERC20 token, address incentivePool, address initialOwner) Ownable(initialOwner) {
        TOKEN = token;
        INCENTIVE_POOL = incentivePool;
    }

    // ------------------------------------------------------------------ the node's journey

    /// @inheritdoc INodeRegistry
    function join(uint256 stakeWei, bytes32 gpuModel, uint32 vramGb, bytes32 encryptionKey, address beneficiary)
        external
    {
        _join(stakeWei, gpuModel, vramGb, encryptionKey, beneficiary);
    }

    /// @inheritdoc INodeRegistry
    function joinWithPermit(
        uint256 stakeWei,
        bytes32 gpuModel,
        uint32 vramGb,
        bytes32 encryptionKey,
        address beneficiary,
        uint256 permitDeadline,
        uint8 v,
        bytes32 r,
        bytes32 s
    ) external {
        _permit(stakeWei, permitDeadline, v, r, s);
        _join(stakeWei, gpuModel, vramGb, encryptionKey, beneficiary);
    }

    /// @inheritdoc INodeRegistry
    function increaseStake(uint256 amountWei) external {
        _increaseStake(amountWei);
    }

    /// @inheritdoc INodeRegistry
    function increaseStakeWithPermit(uint256 amountWei, uint256 permitDeadline, uint8 v, bytes32 r, bytes32 s)
        external
    {
        _permit(amountWei, permitDeadline, v, r, s);
        _increaseStake(amountWei);
    }

    /// @inheritdoc INodeRegistry
    function pause() external {
        Node storage node_ = _nodes[idOf[msg.sender]];
        if (node_.status == Status.Available) {
            node_.status = Status.Paused;
            _setAvailable(node_, false);
            emit NodePaused(msg.sender);
        } else if (node_.status == Status.Busy) {
            node_.status = Status.PausePending;
        } else {
            revert Errors.NodeRegistry_WrongStatus(msg.sender, node_.status);
        }
    }

    /// @inheritdoc INodeRegistry
    function resume() external {
        Node storage node_ = _nodes[idOf[msg.sender]];
        Status status = node_.status;
        if (status != Status.Paused && status != Status.PausePending && status != Status.LeavePending) {
            revert Errors.NodeRegistry_WrongStatus(msg.sender, status);
        }
        uint256 neededWei = resumeStakeWei();
        if (node_.stakeWei < neededWei) revert Errors.NodeRegistry_StakeTooLow(node_.stakeWei, neededWei);

        if (status == Status.Paused) {
            node_.status = Status.Available;
            _setAvailable(node_, true);
        } else {
            node_.status = Status.Busy;
        }
        emit NodeResumed(msg.sender);
    }

    /// @inheritdoc INodeRegistry
    function leave() external {
        uint32 id = idOf[msg.sender];
        Node storage node_ = _nodes[id];
        Status status = node_.status;
        if (status == Status.Available || status == Status.Paused) {
            _beginUnbonding(node_);
        } else if (status == Status.Busy || status == Status.PausePending) {
            node_.status = Status.LeavePending;
        } else {
            revert Errors.NodeRegistry_WrongStatus(msg.sender, status);
        }
    }

    /// @inheritdoc INodeRegistry
    function withdrawStake() external {
        Node storage node_ = _nodes[idOf[msg.sender]];
        if (node_.status != Status.Unbonding) revert Errors.NodeRegistry_WrongStatus(msg.sender, node_.status);
        uint256 endsAt = _unbondingEndsAt(node_);
        if (block.timestamp < endsAt) revert Errors.NodeRegistry_StillUnbonding(msg.sender, endsAt);

        address to = _beneficiary(node_);
        uint256 amountWei = node_.stakeWei;
        _forget(node_);
        emit StakeWithdrawn(msg.sender, to, amountWei);
        TOKEN.safeTransfer(to, amountWei);
    }

    /// @inheritdoc INodeRegistry
    function setEncryptionKey(bytes32 encryptionKey) external {
        Node storage node_ = _nodes[idOf[msg.sender]];
        _requireIdleMember(node_);
        if (encryptionKey == 0) revert Errors.NodeRegistry_EncryptionKeyZero();
        node_.encryptionKey = encryptionKey;
        emit EncryptionKeyChanged(msg.sender, encryptionKey);
    }

    /// @inheritdoc INodeRegistry
    /// @dev At most once in each unbonding period: a change moves positions in the pools, and is not to be a way to steer a
    /// draw whose seed is known.
    function setHardware(bytes32 gpuModel, uint32 vramGb) external {
        uint32 id = idOf[msg.sender];
        Node storage node_ = _nodes[id];
        _requireIdleMember(node_);
        if (block.timestamp < node_.hardwareChangeableAt) {
            revert Errors.NodeRegistry_HardwareChangedRecently(msg.sender, node_.hardwareChangeableAt);
        }
        bool available = node_.status == Status.Available;
        _removeFromPools(node_);
        _addToPools(id, node_, gpuModel, vramGb);
        if (available) _setAvailable(node_, true);
        node_.hardwareChangeableAt = uint40(block.timestamp + _unbondingSeconds);
        emit HardwareChanged(msg.sender, gpuModel, vramGb);
    }

    /// @inheritdoc INodeRegistry
    function setBeneficiary(address beneficiary) external {
        Node storage node_ = _nodes[idOf[msg.sender]];
        if (node_.status == Status.None) revert Errors.NodeRegistry_WrongStatus(msg.sender, Status.None);
        // What became effective in the meantime must not be forgotten.
        node_.beneficiary = _beneficiary(node_);
        uint256 effectiveAt = block.timestamp + _unbondingSeconds;
        node_.pendingBeneficiary = beneficiary == address(0) ? msg.sender : beneficiary;
        node_.beneficiaryChangeAt = uint40(effectiveAt);
        emit BeneficiaryChangeRequested(msg.sender, node_.pendingBeneficiary, effectiveAt);
    }

    // ------------------------------------------------------------------ for TaskConsensus

    /// @inheritdoc INodePools
    function draw(bytes32 seed, bool sameGpu, uint256 minVramGb, bytes32 gpuModel)
        external
        onlyConsensus
        returns (uint32[3] memory ids, address[3] memory wallets)
    {
        uint256 modelId = _modelIds[gpuModel];
        if (gpuModel != 0 && modelId == 0) revert Errors.NodeRegistry_TooFewNodes(0);
        if (sameGpu && gpuModel == 0) {
            modelId = _chooseModel(seed, minVramGb);
            if (modelId == 0) revert Errors.NodeRegistry_TooFewNodes(0);
        }
        for (uint256 i = 0; i < 3; ++i) {
            // Three neighbours: each pick hashes its own before it takes numbers from it.
            bytes32 slotSeed;
            unchecked {
                slotSeed = bytes32(uint256(seed) + i);
            }
            uint32 id = modelId == 0
                ? _pickFromTiers(slotSeed, minVramGb)
                : _pickFromModel(_models[modelId], slotSeed, minVramGb);
            if (id == 0) revert Errors.NodeRegistry_TooFewNodes(i);
            Node storage node_ = _nodes[id];
            node_.status = Status.Busy;
            // Clearing the bit is also what keeps the three distinct.
            _setAvailable(node_, false);
            (ids[i], wallets[i]) = (id, node_.wallet);
        }
    }

    /// @inheritdoc INodePools
    function settle(uint32[3] calldata ids, Action[3] calldata actions)
        external
        onlyConsensus
        returns (address[3] memory wallets, address[3] memory beneficiaries)
    {
        uint256 takenWei;
        for (uint256 i = 0; i < 3; ++i) {
            Node storage node_ = _nodes[ids[i]];
            wallets[i] = node_.wallet;
            if (actions[i] == Action.None) continue;
            beneficiaries[i] = _beneficiary(node_);
            takenWei += _act(node_, actions[i]);
        }
        if (takenWei != 0) TOKEN.safeTransfer(INCENTIVE_POOL, takenWei);
    }

    /// @inheritdoc INodePools
    function settleOne(uint32 id, Action action) external onlyConsensus returns (address wallet, address beneficiary) {
        Node storage node_ = _nodes[id];
        wallet = node_.wallet;
        beneficiary = _beneficiary(node_);
        uint256 takenWei = _act(node_, action);
        if (takenWei != 0) TOKEN.safeTransfer(INCENTIVE_POOL, takenWei);
    }

    /// @inheritdoc INodePools
    function slashForBounty(uint32 id, uint256 bountyWei) external onlyConsensus returns (uint256 paidWei) {
        uint256 takenWei = _slash(_nodes[id], false);
        paidWei = bountyWei < takenWei ? bountyWei : takenWei;
        if (paidWei != 0) TOKEN.safeTransfer(msg.sender, paidWei);
        if (takenWei != paidWei) TOKEN.safeTransfer(INCENTIVE_POOL, takenWei - paidWei);
    }

    /// @inheritdoc INodePools
    function holdStake(uint32 id, uint256 until) external onlyConsensus returns (bool held) {
        Node storage node_ = _nodes[id];
        held = node_.stakeWei != 0;
        if (held && node_.liableUntil < until) node_.liableUntil = uint40(until);
    }

    // ------------------------------------------------------------------ reading

    /// @inheritdoc INodeRegistry
    function node(address wallet) external view returns (NodeView memory view_) {
        Node storage node_ = _nodes[idOf[wallet]];
        if (node_.status == Status.None) return view_;
        view_.status = node_.status;
        view_.stakeWei = node_.stakeWei;
        view_.gpuModel = _modelNames[node_.modelId - 1];
        view_.vramGb = node_.vramGb;
        view_.encryptionKey = node_.encryptionKey;
        view_.beneficiary = _beneficiary(node_);
        if (block.timestamp < node_.beneficiaryChangeAt) {
            view_.pendingBeneficiary = node_.pendingBeneficiary;
            view_.beneficiaryChangeAt = node_.beneficiaryChangeAt;
        }
        if (node_.status == Status.Unbonding) view_.unbondingEndsAt = uint64(_unbondingEndsAt(node_));
    }

    /// @inheritdoc INodePools
    function walletOf(uint32 id) external view returns (address) {
        return _nodes[id].wallet;
    }

    /// @inheritdoc INodeRegistry
    /// @dev Looks at every available member: for callers outside of the chain.
    function availableCount(bool sameGpu, uint32 minVramGb, bytes32 gpuModel) external view returns (uint256 count) {
        if (gpuModel != 0) return _count(_models[_modelIds[gpuModel]], minVramGb, type(uint256).max);
        if (sameGpu) {
            for (uint256 modelId = 1; modelId <= _modelNames.length; ++modelId) {
                uint256 size = _count(_models[modelId], minVramGb, type(uint256).max);
                if (size > count) count = size;
            }
        } else {
            for (uint256 tier = _tierOf(minVramGb); tier < _TIERS; ++tier) {
                count += _count(_tiers[tier], minVramGb, type(uint256).max);
            }
        }
    }

    /// @inheritdoc INodeRegistry
    function memberCount() external view returns (uint256 count) {
        for (uint256 sizes = _tierSizes; sizes != 0; sizes >>= 32) {
            count += uint32(sizes);
        }
    }

    /// @inheritdoc INodeRegistry
    function minimumStakeWei() external view returns (uint256) {
        return _minimumStakeWei;
    }

    /// @notice The stake that a paused node needs to resume, in wei.
    function resumeStakeWei() public view returns (uint256) {
        return (uint256(_minimumStakeWei) * RESUME_STAKE_BASIS_POINTS) / 10_000;
    }

    /// @inheritdoc INodeRegistry
    function unbondingSeconds() external view override(INodeRegistry, INodePools) returns (uint256) {
        return _unbondingSeconds;
    }

    /// @inheritdoc INodeRegistry
    function penaltyBasisPoints() external view returns (uint256) {
        return _penaltyBasisPoints;
    }

    // ------------------------------------------------------------------ for the owner

    /// @notice Names the TaskConsensus of this registry, for ever.
    /// @dev Admin power, once: TaskConsensus draws, penalises and slashes.
    function setConsensus(address consensus_) external onlyOwner {
        if (consensus != address(0)) revert Errors.NodeRegistry_ConsensusAlreadySet(consensus);
        if (consensus_ == address(0)) revert Errors.NodeRegistry_ConsensusZero();
        consensus = consensus_;
        _requireLongEnough(_unbondingSeconds);
        emit ConsensusSet(consensus_);
    }

    /// @notice Sets the stake needed to join, in wei. Members keep their place.
    /// @dev Admin power, within LOWEST_MINIMUM_STAKE_WEI and HIGHEST_MINIMUM_STAKE_WEI.
    function setMinimumStake(uint256 stakeWei) external onlyOwner {
        _requireWithin("minimumStakeWei", stakeWei, LOWEST_MINIMUM_STAKE_WEI, HIGHEST_MINIMUM_STAKE_WEI);
        _minimumStakeWei = uint96(stakeWei);
        emit MinimumStakeSet(stakeWei);
    }

    /// @notice Sets the unbonding time for nodes that leave from now on.
    /// @dev Admin power, within the bounds, and never below the longest challenge window of TaskConsensus.
    function setUnbonding(uint256 unbondingSeconds_) external onlyOwner {
        _requireWithin("unbondingSeconds", unbondingSeconds_, SHORTEST_UNBONDING_SECONDS, LONGEST_UNBONDING_SECONDS);
        if (consensus != address(0)) _requireLongEnough(unbondingSeconds_);
        _unbondingSeconds = uint40(unbondingSeconds_);
        emit UnbondingSet(unbondingSeconds_);
    }

    /// @notice Sets the penalty for silence, in hundredths of a percent of the stake.
    /// @dev Admin power, up to HIGHEST_PENALTY_BASIS_POINTS.
    function setPenalty(uint256 basisPoints) external onlyOwner {
        _requireWithin("penaltyBasisPoints", basisPoints, 0, HIGHEST_PENALTY_BASIS_POINTS);
        _penaltyBasisPoints = uint16(basisPoints);
        emit PenaltySet(basisPoints);
    }

    // ------------------------------------------------------------------ stake and status

    function _join(uint256 stakeWei, bytes32 gpuModel, uint256 vramGb, bytes32 encryptionKey, address beneficiary)
        private
    {
        uint32 id = idOf[msg.sender];
        if (id == 0) {
            id = ++_lastId;
            idOf[msg.sender] = id;
        }
        Node storage node_ = _nodes[id];
        if (node_.status != Status.None) revert Errors.NodeRegistry_AlreadyJoined(msg.sender, node_.status);
        if (node_.held) revert Errors.NodeRegistry_StillHeld(msg.sender);
        if (stakeWei < _minimumStakeWei) revert Errors.NodeRegistry_StakeTooLow(stakeWei, _minimumStakeWei);
        if (stakeWei > type(uint96).max) revert Errors.NodeRegistry_StakeTooHigh(stakeWei);
        if (encryptionKey == 0) revert Errors.NodeRegistry_EncryptionKeyZero();

        node_.wallet = msg.sender;
        node_.status = Status.Available;
        node_.stakeWei = uint96(stakeWei);
        node_.encryptionKey = encryptionKey;
        if (beneficiary == msg.sender) beneficiary = address(0);
        // A wallet that was a member before has old wishes to forget.
        if (node_.beneficiary != beneficiary) node_.beneficiary = beneficiary;
        if (node_.beneficiaryChangeAt != 0) node_.beneficiaryChangeAt = 0;
        _addToPools(id, node_, gpuModel, vramGb);
        _setAvailable(node_, true);
        emit NodeJoined(
            msg.sender,
            stakeWei,
            gpuModel,
            uint32(vramGb),
            encryptionKey,
            beneficiary == address(0) ? msg.sender : beneficiary
        );
        TOKEN.safeTransferFrom(msg.sender, address(this), stakeWei);
    }

    function _increaseStake(uint256 amountWei) private {
        Node storage node_ = _nodes[idOf[msg.sender]];
        Status status = node_.status;
        if (status == Status.None || status == Status.Unbonding) {
            revert Errors.NodeRegistry_WrongStatus(msg.sender, status);
        }
        if (amountWei == 0) revert Errors.NodeRegistry_AmountZero();
        uint256 stakeWei = node_.stakeWei + amountWei;
        if (stakeWei > type(uint96).max) revert Errors.NodeRegistry_StakeTooHigh(stakeWei);
        node_.stakeWei = uint96(stakeWei);
        emit StakeIncreased(msg.sender, amountWei, stakeWei);
        TOKEN.safeTransferFrom(msg.sender, address(this), amountWei);
    }

    /// @dev A permit that someone else already used has left its allowance: then the transfer decides.
    function _permit(uint256 amountWei, uint256 permitDeadline, uint8 v, bytes32 r, bytes32 s) private {
        try IERC20Permit(address(TOKEN)).permit(msg.sender, address(this), amountWei, permitDeadline, v, r, s) {}
            catch {}
    }

    function _act(Node storage node_, Action action) private returns (uint256 takenWei) {
        if (action == Action.Free) {
            _free(node_, false);
        } else if (action == Action.FreeAndPenalise) {
            takenWei = _penalise(node_);
            _free(node_, true);
        } else if (action == Action.Penalise) {
            takenWei = _penalise(node_);
            _pausePenalised(node_);
        } else if (action == Action.FreeAndSlash) {
            if (node_.held) node_.held = false;
            takenWei = _slash(node_, true);
        }
    }

    /// @dev After its task: to where the node asked to go meanwhile, or where it was put.
    function _free(Node storage node_, bool penalised) private {
        Status status = node_.status;
        if (status == Status.LeavePending) {
            _beginUnbonding(node_);
        } else if (status == Status.PausePending || (status == Status.Busy && penalised)) {
            node_.status = Status.Paused;
            emit NodePaused(node_.wallet);
        } else if (status == Status.Busy) {
            node_.status = Status.Available;
            _setAvailable(node_, true);
        } else if (node_.held) {
            node_.held = false;
        }
    }

    function _penalise(Node storage node_) private returns (uint256 amountWei) {
        uint256 stakeWei = node_.stakeWei;
        amountWei = (stakeWei * _penaltyBasisPoints) / 10_000;
        if (amountWei == 0) return 0;
        stakeWei -= amountWei;
        node_.stakeWei = uint96(stakeWei);
        emit NodePenalised(node_.wallet, amountWei, stakeWei);
    }

    function _pausePenalised(Node storage node_) private {
        if (node_.status == Status.Available) {
            node_.status = Status.Paused;
            _setAvailable(node_, false);
            emit NodePaused(node_.wallet);
        } else if (node_.status == Status.Busy) {
            node_.status = Status.PausePending;
        }
    }

    /// @param free Whether no other task counts on the node. Otherwise it may not join again before that one has ended: that
    /// task would let go of a node which by then may hold a third one.
    function _slash(Node storage node_, bool free) private returns (uint256 amountWei) {
        Status status = node_.status;
        if (status == Status.None) return 0;
        if (!free && (status == Status.Busy || status == Status.PausePending || status == Status.LeavePending)) {
            node_.held = true;
        }
        amountWei = node_.stakeWei;
        if (status != Status.Unbonding) _removeFromPools(node_);
        _forget(node_);
        emit NodeSlashed(node_.wallet, amountWei);
    }

    function _beginUnbonding(Node storage node_) private {
        _removeFromPools(node_);
        node_.status = Status.Unbonding;
        uint256 endsAt = block.timestamp + _unbondingSeconds;
        node_.unbondingEndsAt = uint40(endsAt);
        emit NodeLeaving(node_.wallet, _unbondingEndsAt(node_));
    }

    /// @dev The beneficiary stays until the wallet joins again: what a task still owes the node goes there.
    function _forget(Node storage node_) private {
        node_.status = Status.None;
        node_.stakeWei = 0;
        node_.unbondingEndsAt = 0;
        node_.encryptionKey = 0;
    }

    function _unbondingEndsAt(Node storage node_) private view returns (uint256) {
        return node_.unbondingEndsAt > node_.liableUntil ? node_.unbondingEndsAt : node_.liableUntil;
    }

    function _beneficiary(Node storage node_) private view returns (address beneficiary) {
        uint256 changeAt = node_.beneficiaryChangeAt;
        beneficiary = changeAt != 0 && changeAt <= block.timestamp ? node_.pendingBeneficiary : node_.beneficiary;
        if (beneficiary == address(0)) beneficiary = node_.wallet;
    }

    function _requireIdleMember(Node storage node_) private view {
        if (node_.status != Status.Available && node_.status != Status.Paused) {
            revert Errors.NodeRegistry_WrongStatus(msg.sender, node_.status);
        }
    }

    // ------------------------------------------------------------------ pools

    function _addToPools(uint32 id, Node storage node_, bytes32 gpuModel, uint256 vramGb) private {
        if (gpuModel == 0) revert Errors.NodeRegistry_GpuModelZero();
        if (vramGb == 0 || vramGb > HIGHEST_VRAM_GB) {
            revert Errors.NodeRegistry_VramOutOfRange(vramGb, 1, HIGHEST_VRAM_GB);
        }
        uint24 modelId = _modelIds[gpuModel];
        if (modelId == 0) {
            _modelNames.push(gpuModel);
            modelId = uint24(_modelNames.length);
            _modelIds[gpuModel] = modelId;
        }
        uint256 tier = _tierOf(vramGb);
        node_.vramGb = uint16(vramGb);
        node_.modelId = modelId;
        node_.tierPosition = _tiers[tier].add(id);
        node_.modelPosition = _models[modelId].add(id);
        _tierSizes += 1 << (32 * tier);
    }

    function _removeFromPools(Node storage node_) private {
        uint256 tier = _tierOf(node_.vramGb);
        uint256 position = node_.tierPosition;
        uint32 moved = _tiers[tier].remove(position);
        if (moved != 0) _nodes[moved].tierPosition = uint32(position);
        position = node_.modelPosition;
        moved = _models[node_.modelId].remove(position);
        if (moved != 0) _nodes[moved].modelPosition = uint32(position);
        _tierSizes -= 1 << (32 * tier);
    }

    function _setAvailable(Node storage node_, bool value) private {
        _tiers[_tierOf(node_.vramGb)].setAvailable(node_.tierPosition, value);
        _models[node_.modelId].setAvailable(node_.modelPosition, value);
    }

    /// @dev The tiers begin at 0, 4, 8, 12, 16, 24, 40 and 80 GB. Spelled out, because each step of a task comes by here.
    function _tierOf(uint256 vramGb) private pure returns (uint256) {
        if (vramGb < 16) {
            if (vramGb < 8) return vramGb < 4 ? 0 : 1;
            return vramGb < 12 ? 2 : 3;
        }
        if (vramGb < 40) return vramGb < 24 ? 4 : 5;
        return vramGb < 80 ? 6 : 7;
    }

    // ------------------------------------------------------------------ drawing

    /// @dev An available node of any tier with enough VRAM, or 0. Only the lowest tier can hold members with too little:
    /// they are passed over, which makes the comparison exact for any `minVramGb`.
    ///
    /// Tier and position are drawn from ranges that are powers of two, and drawn again where there is no such member. With
    /// "random number modulo size" every node that joins or leaves would turn the draw over, and who knows the seed could
    /// do so until he likes what comes out. This way he changes nothing but where the draw meets his own node (or, where
    /// one leaves, the last one), unless a size passes a power of two.
    function _pickFromTiers(bytes32 seed, uint256 minVramGb) private view returns (uint32) {
        uint256 lowest = _tierOf(minVramGb);
        uint256 sizes = _tierSizes >> (32 * lowest);
        if (sizes == 0) return 0;
        uint256 mask = _positionMask(sizes);

        uint256 tier;
        uint256 position;
        uint256 tries;
        for (uint256 i = 0; i < _HASHES; ++i) {
            seed = EfficientHashLib.hash(seed);
            // Eight numbers of 32 bits.
            for (uint256 numbers = uint256(seed); numbers != 0; numbers >>= 32) {
                uint256 candidate = (numbers >> 3) & mask;
                // Tiers that do not exist have no members.
                if (candidate >= uint32(sizes >> ((numbers & 7) << 5))) continue;
                (tier, position) = (numbers & 7, candidate);
                MemberPool.Pool storage pool = _tiers[lowest + tier];
                if (pool.isAvailable(position)) {
                    uint32 id = pool.members[position];
                    if (tier != 0 || _nodes[id].vramGb >= minVramGb) return id;
                }
                if (++tries == _TRIES) {
                    i = _HASHES;
                    break;
                }
            }
        }
        // Few are free: walk on from the last position, once around.
        uint256 count = _TIERS - lowest;
        for (uint256 i = 0; i <= count; ++i) {
            uint32 id = _walk(_tiers[lowest + tier], position, minVramGb);
            if (id != 0) return id;
            position = 0;
            if (++tier == count) tier = 0;
        }
        return 0;
    }

    /// @dev An available node of the pool with enough VRAM, or 0; see _pickFromTiers.
    function _pickFromModel(MemberPool.Pool storage pool, bytes32 seed, uint256 minVramGb)
        private
        view
        returns (uint32)
    {
        uint256 size = pool.members.length;
        if (size == 0) return 0;
        uint256 mask = _positionMask(size);
        uint256 position;
        uint256 tries;
        for (uint256 i = 0; i < 8 * _HASHES && tries < _TRIES; ++i) {
            if (i & 7 == 0) seed = EfficientHashLib.hash(seed);
            uint256 candidate = (uint256(seed) >> (32 * (i & 7))) & mask;
            if (candidate >= size) continue;
            position = candidate;
            ++tries;
            if (pool.isAvailable(position)) {
                uint32 id = pool.members[position];
                if (_nodes[id].vramGb >= minVramGb) return id;
            }
        }
        uint32 found = _walk(pool, position, minVramGb);
        return found != 0 ? found : _walk(pool, 0, minVramGb);
    }

    /// @dev One less than the lowest power of two that no size (32 bits each) exceeds; at most 2^29 − 1.
    function _positionMask(uint256 sizes) private pure returns (uint256 mask) {
        for (; sizes != 0; sizes >>= 32) {
            uint256 size = uint32(sizes);
            if (size > 1) mask |= type(uint256).max >> (255 - LibBit.fls(size - 1));
        }
        mask &= (1 << 29) - 1;
    }

    /// @dev The first available member from `position` on with enough VRAM, or 0.
    function _walk(MemberPool.Pool storage pool, uint256 position, uint256 minVramGb) private view returns (uint32) {
        for (uint256 i = 0; i < _LOOKS; ++i) {
            position = pool.firstAvailable(position);
            if (position == MemberPool.NONE) return 0;
            uint32 id = pool.members[position++];
            if (_nodes[id].vramGb >= minVramGb) return id;
        }
        return 0;
    }

    /// @dev A GPU model with three nodes free, or 0. A random node leads, so that a model's chance is its share of all nodes:
    /// with equal chances for all models, three nodes under a made-up name would get every other task to themselves.
    function _chooseModel(bytes32 seed, uint256 minVramGb) private view returns (uint256 modelId) {
        for (uint256 i = 0; i < _LEADERS; ++i) {
            seed = EfficientHashLib.hash(seed);
            uint32 leader = _pickFromTiers(seed, minVramGb);
            if (leader == 0) return 0;
            modelId = _nodes[leader].modelId;
            if (_count(_models[modelId], minVramGb, 3) >= 3) return modelId;
        }
        uint256 models = _modelNames.length;
        uint256 rounds = models < _MODELS ? models : _MODELS;
        for (uint256 i = 0; i < rounds; ++i) {
            modelId = addmod(uint256(seed), i, models) + 1;
            if (_count(_models[modelId], minVramGb, 3) >= 3) return modelId;
        }
        return 0;
    }

    /// @dev How many available members have enough VRAM, counting no further than `enough`; for a bounded `enough` it also
    /// looks at a bounded number of members.
    function _count(MemberPool.Pool storage pool, uint256 minVramGb, uint256 enough)
        private
        view
        returns (uint256 count)
    {
        uint256 looks = enough == type(uint256).max ? enough : _LOOKS;
        uint256 position = pool.firstAvailable(0);
        while (position != MemberPool.NONE && count < enough && looks-- != 0) {
            // Every member has at least 1 GB.
            if (minVramGb <= 1 || _nodes[pool.members[position]].vramGb >= minVramGb) ++count;
            position = pool.firstAvailable(position + 1);
        }
    }

    // ------------------------------------------------------------------ bounds

    function _requireWithin(bytes32 name, uint256 value, uint256 lower, uint256 upper) private pure {
        if (value < lower || value > upper) revert Errors.Parameter_OutOfBounds(name, value, lower, upper);
    }

    function _requireLongEnough(uint256 unbondingSeconds_) private view {
        uint256 needed = IChallengeWindow(consensus).longestChallengeSeconds();
        if (unbondingSeconds_ < needed) revert Errors.Parameter_UnbondingTooShort(unbondingSeconds_, needed);
    }
}
