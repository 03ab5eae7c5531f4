// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Ownable, Ownable2Step} from "@openzeppelin/contracts/access/Ownable2Step.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Permit.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {IChallengeWindow} from "./interfaces/IChallengeWindow.sol";
import {INodePools} from "./interfaces/INodePools.sol";
import {INodeRegistry} from "./interfaces/INodeRegistry.sol";
import {Errors} from "./libraries/Errors.sol";
import {NodeDraw} from "./libraries/NodeDraw.sol";
import {NodePools} from "./libraries/NodePools.sol";

/// @title Stake, lifecycle and pools of the nodes
/// @notice See INodeRegistry for the nodes' side and INodePools for TaskConsensus' side.
/// @dev Admin powers, all of the (two-step) owner: `setMinimumStake`, `setUnbonding`, `setPenalty`, each within hard bounds.
/// The owner can neither take a stake nor choose who is drawn.
///
/// Whether a node is busy is not stored with it: it is a member that is neither paused nor available. So a task that takes
/// or frees nodes changes their bits in the pools, and nothing else.
contract NodeRegistry is INodeRegistry, INodePools, Ownable2Step {
    using SafeERC20 for IERC20;
    using NodePools for NodePools.Pools;
    using NodeDraw for NodePools.Pools;

    struct Node {
        // word 0: all that a task touches
        Status status; // Available also while busy
        bool ownBeneficiary; // words 2 and 3 count
        bool awaited; // slashed for one task while another still counts on the node
        uint32 place; // in the pools
        uint96 stakeWei;
        uint40 stakeHeldUntil; // the stake may not leave before
        // word 1
        bytes32 encryptionKey;
        // word 2
        address beneficiary;
        uint40 beneficiaryChangeAt; // zero: no change is waiting
        uint40 hardwareChangeableAt;
        // word 3
        address pendingBeneficiary;
    }

    // Hard bounds of the owner's parameters; both ends are allowed.

    /// @notice Least stake that the owner can ask for, in wei.
    uint256 public constant LOWEST_MINIMUM_STAKE_WEI = 1 ether;
    /// @notice Most stake that the owner can ask for, in wei.
    uint256 public constant HIGHEST_MINIMUM_STAKE_WEI = 10_000_000 ether;
    /// @notice Least time from leaving to the stake that the owner can set.
    uint256 public constant SHORTEST_UNBONDING_SECONDS = 30;
    /// @notice Most time from leaving to the stake that the owner can set.
    uint256 public constant LONGEST_UNBONDING_SECONDS = 30 days;
    /// @notice Most that silence can cost, in hundredths of a percent of the stake.
    uint256 public constant HIGHEST_PENALTY_BASIS_POINTS = 1_000;
    /// @notice Share of the minimum stake that a paused node needs to resume, in hundredths of a percent: a live node that
    /// was penalised once is not to be locked out until its owner sends more.
    uint256 public constant RESUME_STAKE_BASIS_POINTS = 7_500;
    /// @notice Most VRAM that a node can have.
    uint256 public constant HIGHEST_VRAM_GB = type(uint16).max;

    /// @notice The CNX token.
    IERC20 public immutable TOKEN;
    /// @notice Where penalties and slashed stakes go.
    address public immutable INCENTIVE_POOL;
    /// @inheritdoc INodePools
    address public immutable CONSENSUS;

    uint96 private _minimumStakeWei = 400 ether;
    uint40 private _unbondingSeconds = 1_800;
    uint16 private _penaltyBasisPoints = 200;

    NodePools.Pools private _pools;
    mapping(bytes32 gpuModel => uint24 modelId) private _modelIds;
    bytes32[] private _modelNames; // of the model with id i at i - 1
    mapping(address wallet => Node) private _nodes;

    /// @notice The owner set the stake needed to join.
    event MinimumStakeSet(uint256 stakeWei);
    /// @notice The owner set the unbonding time.
    event UnbondingSet(uint256 unbondingSeconds);
    /// @notice The owner set the penalty for silence, in hundredths of a percent of the stake.
    event PenaltySet(uint256 basisPoints);

    modifier onlyConsensus() {
        if (msg.sender != CONSENSUS) revert Errors.NodeRegistry_NotConsensus(msg.sender);
        _;
    }

    /// @notice Whoever deploys it names everything that can never change.
    /// @param consensus The TaskConsensus of this registry, for ever: it draws, penalises and slashes. It is deployed afterwards,
    /// to an address that is known beforehand, and refuses a registry that names another one.
    constructor(IERC20 token, address incentivePool, address consensus, address initialOwner) Ownable(initialOwner) {
        TOKEN = token;
        INCENTIVE_POOL = incentivePool;
        CONSENSUS = consensus;
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
        Node storage node_ = _nodes[msg.sender];
        Status status = _statusOf(node_);
        if (status == Status.Available) {
            node_.status = Status.Paused;
            _setAvailable(node_, false);
            emit NodePaused(msg.sender);
        } else if (status == Status.Busy) {
            node_.status = Status.PausePending;
        } else {
            revert Errors.NodeRegistry_WrongStatus(msg.sender, status);
        }
    }

    /// @inheritdoc INodeRegistry
    function resume() external {
        Node storage node_ = _nodes[msg.sender];
        Status status = _statusOf(node_);
        if (status != Status.Paused && status != Status.PausePending && status != Status.LeavePending) {
            revert Errors.NodeRegistry_WrongStatus(msg.sender, status);
        }
        uint256 neededWei = resumeStakeWei();
        if (node_.stakeWei < neededWei) revert Errors.NodeRegistry_StakeTooLow(node_.stakeWei, neededWei);

        node_.status = Status.Available;
        if (status == Status.Paused) _setAvailable(node_, true);
        emit NodeResumed(msg.sender);
    }

    /// @inheritdoc INodeRegistry
    function leave() external {
        Node storage node_ = _nodes[msg.sender];
        Status status = _statusOf(node_);
        if (status == Status.Available || status == Status.Paused) {
            _beginUnbonding(msg.sender, node_);
        } else if (status == Status.Busy || status == Status.PausePending) {
            node_.status = Status.LeavePending;
        } else {
            revert Errors.NodeRegistry_WrongStatus(msg.sender, status);
        }
    }

    /// @inheritdoc INodeRegistry
    function withdrawStake() external {
        Node storage node_ = _nodes[msg.sender];
        Status status = _statusOf(node_);
        if (status != Status.Unbonding) revert Errors.NodeRegistry_WrongStatus(msg.sender, status);
        uint256 endsAt = node_.stakeHeldUntil;
        if (block.timestamp < endsAt) revert Errors.NodeRegistry_StillUnbonding(msg.sender, endsAt);

        address to = _beneficiaryOf(msg.sender, node_);
        uint256 amountWei = _remove(node_);
        emit StakeWithdrawn(msg.sender, to, amountWei);
        TOKEN.safeTransfer(to, amountWei);
    }

    /// @inheritdoc INodeRegistry
    function setEncryptionKey(bytes32 encryptionKey) external {
        Node storage node_ = _nodes[msg.sender];
        _requireIdleMember(node_);
        if (encryptionKey == 0) revert Errors.NodeRegistry_EncryptionKeyZero();
        node_.encryptionKey = encryptionKey;
        emit EncryptionKeyChanged(msg.sender, encryptionKey);
    }

    /// @inheritdoc INodeRegistry
    /// @dev At most once in each unbonding period: a change moves places in the pools, and is not to be a way to steer a draw
    /// whose seed is known.
    function setHardware(bytes32 gpuModel, uint32 vramGb) external {
        Node storage node_ = _nodes[msg.sender];
        _requireIdleMember(node_);
        if (block.timestamp < node_.hardwareChangeableAt) {
            revert Errors.NodeRegistry_HardwareChangedRecently(msg.sender, node_.hardwareChangeableAt);
        }
        bool available = node_.status == Status.Available;
        _leavePools(node_);
        _enterPools(msg.sender, node_, gpuModel, vramGb);
        if (!available) _setAvailable(node_, false);
        node_.hardwareChangeableAt = uint40(block.timestamp + _unbondingSeconds);
        emit HardwareChanged(msg.sender, gpuModel, vramGb);
    }

    /// @inheritdoc INodeRegistry
    function setBeneficiary(address beneficiary) external {
        Node storage node_ = _nodes[msg.sender];
        if (node_.status == Status.None) revert Errors.NodeRegistry_WrongStatus(msg.sender, Status.None);
        // What became effective in the meantime must not be forgotten.
        node_.beneficiary = _beneficiaryOf(msg.sender, node_);
        uint256 effectiveAt = block.timestamp + _unbondingSeconds;
        node_.ownBeneficiary = true;
        node_.pendingBeneficiary = beneficiary == address(0) ? msg.sender : beneficiary;
        node_.beneficiaryChangeAt = uint40(effectiveAt);
        emit BeneficiaryChangeRequested(msg.sender, node_.pendingBeneficiary, effectiveAt);
    }

    // ------------------------------------------------------------------ for TaskConsensus

    /// @inheritdoc INodePools
    function draw(Draw calldata request) external onlyConsensus returns (address[3] memory wallets) {
        uint256 modelId;
        if (request.gpuModel != 0) {
            modelId = _modelIds[request.gpuModel];
            if (modelId == 0) revert Errors.NodeRegistry_TooFewNodes(0);
        } else if (request.sameGpu) {
            modelId = _pools.chooseModel(request, _modelNames.length);
            if (modelId == 0) revert Errors.NodeRegistry_TooFewNodes(0);
        }
        uint256 found;
        (wallets, found) = _pools.takeThree(request, modelId);
        if (found != 3) revert Errors.NodeRegistry_TooFewNodes(found);
    }

    /// @inheritdoc INodePools
    function settle(address[3] calldata wallets, Action[3] calldata actions)
        external
        onlyConsensus
        returns (address[3] memory beneficiaries)
    {
        uint256 takenWei;
        for (uint256 i = 0; i < 3; ++i) {
            if (actions[i] == Action.None) continue;
            Node storage node_ = _nodes[wallets[i]];
            beneficiaries[i] = _beneficiaryOf(wallets[i], node_);
            takenWei += _act(wallets[i], node_, actions[i]);
        }
        if (takenWei != 0) TOKEN.safeTransfer(INCENTIVE_POOL, takenWei);
    }

    /// @inheritdoc INodePools
    function settleOne(address wallet, Action action) external onlyConsensus returns (address beneficiary) {
        Node storage node_ = _nodes[wallet];
        beneficiary = _beneficiaryOf(wallet, node_);
        uint256 takenWei = _act(wallet, node_, action);
        if (takenWei != 0) TOKEN.safeTransfer(INCENTIVE_POOL, takenWei);
    }

    /// @inheritdoc INodePools
    function slashForBounty(address wallet, uint256 bountyWei) external onlyConsensus returns (uint256 paidWei) {
        uint256 takenWei = _slash(wallet, _nodes[wallet], false);
        paidWei = bountyWei < takenWei ? bountyWei : takenWei;
        if (paidWei != 0) TOKEN.safeTransfer(msg.sender, paidWei);
        if (takenWei != paidWei) TOKEN.safeTransfer(INCENTIVE_POOL, takenWei - paidWei);
    }

    /// @inheritdoc INodePools
    function holdStake(address wallet, uint256 until) external onlyConsensus returns (bool held) {
        Node storage node_ = _nodes[wallet];
        held = node_.stakeWei != 0;
        if (held && node_.stakeHeldUntil < until) node_.stakeHeldUntil = uint40(until);
    }

    // ------------------------------------------------------------------ reading

    /// @inheritdoc INodePools
    function layout() external view returns (uint40) {
        return _pools.layoutOf();
    }

    /// @inheritdoc INodeRegistry
    function node(address wallet) external view returns (NodeView memory view_) {
        Node storage node_ = _nodes[wallet];
        view_.status = _statusOf(node_);
        if (view_.status == Status.None) return view_;
        NodePools.Member storage member = _pools.members[node_.place];
        view_.stakeWei = node_.stakeWei;
        view_.gpuModel = _modelNames[member.modelId - 1];
        view_.vramGb = member.vramGb;
        view_.encryptionKey = node_.encryptionKey;
        view_.beneficiary = _beneficiaryOf(wallet, node_);
        if (block.timestamp < node_.beneficiaryChangeAt) {
            view_.pendingBeneficiary = node_.pendingBeneficiary;
            view_.beneficiaryChangeAt = node_.beneficiaryChangeAt;
        }
        if (view_.status == Status.Unbonding) view_.unbondingEndsAt = node_.stakeHeldUntil;
    }

    /// @inheritdoc INodeRegistry
    /// @dev Looks at every available member: for callers outside of the chain.
    function availableCount(bool sameGpu, uint32 minVramGb, bytes32 gpuModel) external view returns (uint256 count) {
        if (gpuModel != 0) {
            uint256 modelId = _modelIds[gpuModel];
            return modelId == 0 ? 0 : _pools.countFitting(minVramGb, modelId);
        }
        if (!sameGpu) return _pools.countFitting(minVramGb, 0);
        for (uint256 modelId = 1; modelId <= _modelNames.length; ++modelId) {
            uint256 size = _pools.countFitting(minVramGb, modelId);
            if (size > count) count = size;
        }
    }

    /// @inheritdoc INodeRegistry
    function memberCount() external view returns (uint256) {
        return _pools.bondedMembers();
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
        _requireLongEnough(unbondingSeconds_);
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
        Node storage node_ = _nodes[msg.sender];
        if (node_.status != Status.None) revert Errors.NodeRegistry_AlreadyJoined(msg.sender, _statusOf(node_));
        if (node_.awaited) revert Errors.NodeRegistry_StillHeld(msg.sender);
        if (stakeWei < _minimumStakeWei) revert Errors.NodeRegistry_StakeTooLow(stakeWei, _minimumStakeWei);
        if (stakeWei > type(uint96).max) revert Errors.NodeRegistry_StakeTooHigh(stakeWei);
        if (encryptionKey == 0) revert Errors.NodeRegistry_EncryptionKeyZero();

        node_.status = Status.Available;
        node_.stakeWei = uint96(stakeWei);
        node_.stakeHeldUntil = 0;
        node_.encryptionKey = encryptionKey;
        if (beneficiary == msg.sender) beneficiary = address(0);
        // A wallet that was a member before has old wishes to forget.
        if (node_.ownBeneficiary || beneficiary != address(0)) {
            (node_.beneficiary, node_.beneficiaryChangeAt) = (beneficiary, 0);
            node_.ownBeneficiary = beneficiary != address(0);
        }
        _enterPools(msg.sender, node_, gpuModel, vramGb);
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
        Node storage node_ = _nodes[msg.sender];
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

    function _act(address wallet, Node storage node_, Action action) private returns (uint256 takenWei) {
        if (action == Action.Free) {
            _free(wallet, node_, false);
        } else if (action == Action.FreeAndPenalise) {
            takenWei = _penalise(wallet, node_);
            _free(wallet, node_, true);
        } else if (action == Action.Penalise) {
            takenWei = _penalise(wallet, node_);
            _pausePenalised(wallet, node_);
        } else if (action == Action.FreeAndSlash) {
            if (node_.awaited) node_.awaited = false;
            takenWei = _slash(wallet, node_, true);
        }
    }

    /// @dev After its task: to where the node asked to go meanwhile, or where it was put.
    function _free(address wallet, Node storage node_, bool penalised) private {
        Status status = node_.status;
        if (status == Status.LeavePending) {
            _beginUnbonding(wallet, node_);
        } else if (status == Status.PausePending || (status == Status.Available && penalised)) {
            node_.status = Status.Paused;
            emit NodePaused(wallet);
        } else if (status == Status.Available) {
            _setAvailable(node_, true);
        } else if (node_.awaited) {
            node_.awaited = false;
        }
    }

    function _penalise(address wallet, Node storage node_) private returns (uint256 amountWei) {
        uint256 stakeWei = node_.stakeWei;
        amountWei = (stakeWei * _penaltyBasisPoints) / 10_000;
        if (amountWei == 0) return 0;
        stakeWei -= amountWei;
        node_.stakeWei = uint96(stakeWei);
        emit NodePenalised(wallet, amountWei, stakeWei);
    }

    function _pausePenalised(address wallet, Node storage node_) private {
        Status status = _statusOf(node_);
        if (status == Status.Available) {
            node_.status = Status.Paused;
            _setAvailable(node_, false);
            emit NodePaused(wallet);
        } else if (status == Status.Busy) {
            node_.status = Status.PausePending;
        }
    }

    /// @param free Whether no other task counts on the node. Otherwise it may not join again before that one has ended: that
    /// task would let go of a node which by then may hold a third one.
    function _slash(address wallet, Node storage node_, bool free) private returns (uint256 amountWei) {
        Status status = _statusOf(node_);
        if (status == Status.None) return 0;
        if (!free && (status == Status.Busy || status == Status.PausePending || status == Status.LeavePending)) {
            node_.awaited = true;
        }
        amountWei = _remove(node_);
        emit NodeSlashed(wallet, amountWei);
    }

    /// @dev Its place in the pools it keeps until its stake leaves.
    function _beginUnbonding(address wallet, Node storage node_) private {
        _setAvailable(node_, false);
        _pools.setUnbonding(true);
        node_.status = Status.Unbonding;
        uint256 endsAt = block.timestamp + _unbondingSeconds;
        if (endsAt < node_.stakeHeldUntil) endsAt = node_.stakeHeldUntil;
        node_.stakeHeldUntil = uint40(endsAt);
        emit NodeLeaving(wallet, endsAt);
    }

    /// @dev Ends a membership. The beneficiary stays until the wallet joins again: what a task still owes the node goes there.
    function _remove(Node storage node_) private returns (uint256 stakeWei) {
        if (node_.status == Status.Unbonding) _pools.setUnbonding(false);
        _leavePools(node_);
        stakeWei = node_.stakeWei;
        node_.status = Status.None;
        node_.stakeWei = 0;
        node_.encryptionKey = 0;
    }

    /// @dev A member that is neither paused nor available is busy.
    function _statusOf(Node storage node_) private view returns (Status status) {
        status = node_.status;
        if (status == Status.Available && !_pools.isAvailable(node_.place)) status = Status.Busy;
    }

    function _beneficiaryOf(address wallet, Node storage node_) private view returns (address beneficiary) {
        if (!node_.ownBeneficiary) return wallet;
        uint256 changeAt = node_.beneficiaryChangeAt;
        beneficiary = changeAt != 0 && changeAt <= block.timestamp ? node_.pendingBeneficiary : node_.beneficiary;
    }

    function _requireIdleMember(Node storage node_) private view {
        Status status = _statusOf(node_);
        if (status != Status.Available && status != Status.Paused) {
            revert Errors.NodeRegistry_WrongStatus(msg.sender, status);
        }
    }

    // ------------------------------------------------------------------ pools

    function _enterPools(address wallet, Node storage node_, bytes32 gpuModel, uint256 vramGb) private {
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
        uint256 place = _pools.add(
            NodePools.Member({
                wallet: wallet, vramGb: uint16(vramGb), modelId: modelId, sinceBlock: uint48(block.number)
            })
        );
        node_.place = uint32(place);
    }

    function _leavePools(Node storage node_) private {
        uint32 place = node_.place;
        address moved = _pools.remove(place);
        if (moved != address(0)) _nodes[moved].place = place;
    }

    function _setAvailable(Node storage node_, bool value) private {
        _pools.setAvailable(node_.place, value);
    }

    // ------------------------------------------------------------------ bounds

    function _requireWithin(bytes32 name, uint256 value, uint256 lower, uint256 upper) private pure {
        if (value < lower || value > upper) revert Errors.Parameter_OutOfBounds(name, value, lower, upper);
    }

    function _requireLongEnough(uint256 unbondingSeconds_) private view {
        uint256 needed = IChallengeWindow(CONSENSUS).longestChallengeSeconds();
        if (unbondingSeconds_ < needed) revert Errors.Parameter_UnbondingTooShort(unbondingSeconds_, needed);
    }
}
